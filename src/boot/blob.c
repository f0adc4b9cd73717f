/* SPDX-License-Identifier: MIT */
#include "boot/blob.h"

#include <libfdt.h>
#include <string.h>

int blob_find_node(const void *blob, const char *name, size_t length)
{
	int aliases, bytes;
	const char *path;

	if (length != 0 && name[0] == '/')
		return fdt_path_offset_namelen(blob, name, (int)length);
	aliases = fdt_path_offset(blob, "/aliases");
	if (aliases < 0)
		return aliases;
	path = fdt_getprop_namelen(blob, aliases, name, (int)length, &bytes);
	if (path == NULL || bytes <= 0 || path[0] != '/' || path[bytes - 1] != '\0')
		return -FDT_ERR_NOTFOUND;
	return fdt_path_offset(blob, path);
}

int blob_find_device(const void *blob, const char *device)
{
	int node = blob_find_node(blob, device, strlen(device));
	int depth = 0;

	if (node >= 0)
		return node;
	for (node = 0; node >= 0; node = fdt_next_node(blob, node, &depth)) {
		const char *name = fdt_get_name(blob, node, NULL);

		if (name != NULL && strcmp(name, device) == 0)
			return node;
	}
	return node;
}

const char *blob_node_path(const void *blob, uint32_t node)
{
	static char path[128];

	/* For an offset behind the last node libfdt would leave the buffer at its front. */
	if (fdt_get_name(blob, (int)node, NULL) == NULL)
		return "(no node)";
	if (fdt_get_path(blob, (int)node, path, sizeof(path)) != 0)
		return "(a node with a very long path)";
	return path;
}

int blob_cells(const void *blob, int node, const char *name)
{
	for (; node >= 0; node = fdt_parent_offset(blob, node)) {
		int bytes;
		const fdt32_t *value = fdt_getprop(blob, node, name, &bytes);

		if (value != NULL && bytes == 4 && fdt32_ld(value) <= FDT_MAX_NCELLS)
			return (int)fdt32_ld(value);
	}
	return 1;
}

uint64_t blob_read_cells(const fdt32_t *cell, int cells)
{
	uint64_t number = 0;

	for (int i = 0; i < cells; i++)
		number = (number << 32) | fdt32_ld(&cell[i]);
	return number;
}

/* False: the number needs more than 64 bits, as a PCI address with its flags. */
static bool read_cells(const fdt32_t *cell, int cells, uint64_t *number)
{
	*number = 0;
	for (int i = 0; i < cells; i++) {
		if (*number >> 32 != 0)
			return false;
		*number = (*number << 32) | fdt32_ld(&cell[i]);
	}
	return true;
}

/* One step up through `ranges` of the bus. False: not passed on. The walk decides alike. */
static bool translate(const void *blob, int bus, int above, uint64_t *address)
{
	int child_cells = blob_cells(blob, bus, "#address-cells");
	int up_cells = blob_cells(blob, above, "#address-cells");
	int size_cells = blob_cells(blob, bus, "#size-cells");
	int bytes, entry_cells = child_cells + up_cells + size_cells;
	const fdt32_t *entry = fdt_getprop(blob, bus, "ranges", &bytes);

	if (entry == NULL)
		return false;
	if (bytes == 0)
		return true;
	if (size_cells == 0)
		return false;
	for (; bytes >= 4 * entry_cells; bytes -= 4 * entry_cells, entry += entry_cells) {
		uint64_t child, up, size;

		if (read_cells(entry, child_cells, &child) &&
		    read_cells(entry + child_cells, up_cells, &up) &&
		    read_cells(entry + child_cells + up_cells, size_cells, &size) &&
		    *address >= child && *address - child < size) {
			*address = up + (*address - child);
			return true;
		}
	}
	return false;
}

/* `reg` of a node below `bus`: the number that entry `index` begins with. */
static bool read_register(const void *blob, int node, int bus, unsigned int index,
			  uint64_t *address)
{
	int bytes;
	const fdt32_t *reg = fdt_getprop(blob, node, "reg", &bytes);
	unsigned int cells = (unsigned int)blob_cells(blob, bus, "#address-cells"), first = 0;

	if (index != 0)
		first = index * (cells + (unsigned int)blob_cells(blob, bus, "#size-cells"));
	return reg != NULL && cells != 0 && (unsigned int)bytes / 4 >= first + cells &&
	       read_cells(reg + first, (int)cells, address);
}

bool blob_register_address(const void *blob, int node, uint64_t *address)
{
	return blob_register_address_at(blob, node, 0, address);
}

bool blob_register_address_at(const void *blob, int node, unsigned int index, uint64_t *address)
{
	int bus = fdt_parent_offset(blob, node);

	if (bus < 0 || !read_register(blob, node, bus, index, address))
		return false;
	while (bus > 0) {
		int above = fdt_parent_offset(blob, bus);

		if (above < 0 || !translate(blob, bus, above, address))
			return false;
		bus = above;
	}
	return true;
}
