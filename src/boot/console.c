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

/* stdout-path up to ':' (options such as 115200n8), as a node; negative: no such node. */
static int stdout_node(void)
{
	const struct tree_text *text = &boot_info.tree.stdout_path;
	const char *path = (const char *)boot_blob() + text->offset;
	const char *colon;
	size_t length;

	if (text->bytes == 0)
		return -FDT_ERR_NOTFOUND;
	length = strnlen(path, text->bytes);
	colon = memchr(path, ':', length);
	if (colon != NULL)
		length = (size_t)(colon - path);
	return blob_find_node(boot_blob(), path, length);
}

static bool attach(uint32_t phys)
{
	/* A page of registers; anything else is not what the driver knows. */
	if (!IS_ALIGNED(phys, PAGE_SIZE))
		return false;
	pl011_attach(phys);
	return true;
}

static bool attach_stdout(void)
{
	const struct boot_tree *tree = &boot_info.tree;
	int node = tree->uart_count != 0 ? stdout_node() : -FDT_ERR_NOTFOUND;

	for (uint32_t i = 0; i < tree->uart_count && node >= 0; i++)
		if (tree->uarts[i].node == (uint32_t)node)
			return attach(tree->uarts[i].address);
	return false;
}

static bool attach_first(void)
{
	const struct boot_tree *tree = &boot_info.tree;

	for (uint32_t i = 0; i < tree->uart_count; i++)
		if (attach(tree->uarts[i].address)) {
			pr_warn("/chosen: stdout-path names no PL011 in use: console is %s\n",
				blob_node_path(boot_blob(), tree->uarts[i].node));
			return true;
		}
	return false;
}

static void attach_hint(void)
{
	uint32_t base = cpu_peripheral_base();

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (hints[i].peripheral_base == base && pl011_present(hints[i].uart)) {
			attach(hints[i].uart);
			pr_warn("the device tree names no PL011: console is the one at %#x, found "
				"by the core's peripheral base\n",
				(unsigned int)hints[i].uart);
			return;
		}
}

void boot_console_init(void)
{
	if (console_current() == NULL && !attach_stdout() && !attach_first())
		attach_hint();
}
