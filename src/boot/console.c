/* SPDX-License-Identifier: MIT */
#include "boot/console.h"

#include <libfdt.h>
#include <string.h>

#include "arch/cpu.h"
#include "boot/blob.h"
#include "boot/info.h"
#include "drivers/uart/pl011.h"
#include "kern/console.h"
#include "kern/log.h"

/*
 * The last resort of a boot whose tree is damaged or names no PL011: where a UART lies on boards
 * whose core says that its private peripherals lie there. Looked at, not trusted: the UART's own
 * identification decides.
 */
static const struct {
	uint32_t peripheral_base; /* CBAR */
	uint32_t uart;
} hints[] = {
	{ 0x08000000, 0x09000000 }, /* QEMU virt */
	{ 0x3f000000, 0x3f201000 }, /* BCM2836 */
};

/*
 * stdout-path up to ':' (options such as 115200n8); an alias is looked up, once: an alias of an
 * alias is no path. NULL: there is none.
 */
static const char *stdout_path(size_t *length)
{
	const struct boot_tree *tree = &boot_info.tree;
	const char *path = (const char *)boot_blob() + tree->stdout_path.offset;
	const char *colon;
	int bytes;

	if (tree->stdout_path.bytes == 0)
		return NULL;
	*length = strnlen(path, tree->stdout_path.bytes);
	colon = memchr(path, ':', *length);
	if (colon != NULL)
		*length = (size_t)(colon - path);
	if (path[0] == '/' || tree->aliases == 0)
		return path;
	path = fdt_getprop_namelen(boot_blob(), (int)tree->aliases, path, (int)*length, &bytes);
	if (path == NULL || bytes <= 0)
		return NULL;
	*length = strnlen(path, (size_t)bytes);
	return path;
}

/* One component of a path names a node with its unit address or, as in libfdt, without. */
static bool component_is(uint32_t node, const char *component, size_t length)
{
	int bytes;
	const char *name = fdt_get_name(boot_blob(), (int)node, &bytes);

	return name != NULL && (size_t)bytes >= length && memcmp(name, component, length) == 0 &&
	       (name[length] == '\0' ||
		(name[length] == '@' && memchr(component, '@', length) == NULL));
}

/* The walk kept each UART's path: looking stdout-path up by libfdt would be a pass over the tree. */
static bool path_is(const struct tree_uart *uart, const char *path, size_t length)
{
	const char *end = path + length;
	uint32_t node = 0;

	while (path < end && node < uart->path_nodes) {
		const char *slash;

		if (*path++ != '/')
			return false;
		slash = memchr(path, '/', (size_t)(end - path));
		if (slash == NULL)
			slash = end;
		if (!component_is(uart->path[node++], path, (size_t)(slash - path)))
			return false;
		path = slash;
	}
	return path == end && node == uart->path_nodes && node != 0;
}

typedef bool (*uart_test)(phys_addr_t phys);

/* A page of registers of which the test is true; anything else is not what the driver knows. */
static bool attach(uint32_t phys, uart_test test)
{
	if (!IS_ALIGNED(phys, PAGE_SIZE) || !test(phys))
		return false;
	pl011_attach(phys);
	return true;
}

static bool attach_stdout(uart_test test)
{
	const struct boot_tree *tree = &boot_info.tree;
	size_t length;
	const char *path = tree->uart_count != 0 ? stdout_path(&length) : NULL;

	for (uint32_t i = 0; i < tree->uart_count && path != NULL; i++)
		if (path_is(&tree->uarts[i], path, length))
			return attach(tree->uarts[i].address, test);
	return false;
}

static bool attach_first(uart_test test)
{
	const struct boot_tree *tree = &boot_info.tree;

	for (uint32_t i = 0; i < tree->uart_count; i++)
		if (attach(tree->uarts[i].address, test)) {
			pr_warn("/chosen: stdout-path names no PL011 in use: console is %s\n",
				blob_node_path(boot_blob(), tree->uarts[i].node));
			return true;
		}
	return false;
}

static bool attach_hint(void)
{
	uint32_t base = cpu_peripheral_base();

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (hints[i].peripheral_base == base && attach(hints[i].uart, pl011_present)) {
			pr_warn("the device tree names no PL011%s: console is the one at %#x, "
				"found by the core's peripheral base\n",
				boot_info.tree.uart_count != 0 ? " that is there" : "",
				(unsigned int)hints[i].uart);
			return true;
		}
	return false;
}

/* One that says it is a PL011 goes before one that is only said to be. */
void boot_console_init(void)
{
	if (console_current() != NULL || attach_stdout(pl011_present) ||
	    attach_first(pl011_present) || attach_hint())
		return;
	if (!attach_stdout(pl011_answers))
		attach_first(pl011_answers);
}
