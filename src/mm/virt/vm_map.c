/* SPDX-License-Identifier: MIT */
#include "mm/virt/vm_map.h"

#include "arch/layout.h"
#include "mm/phys/zone_layout.h"

/* Each area reaches to the start of the next. Two starts are known only when the layout stands. */
struct area_start {
	uintptr_t start;
	const char *name;
};

enum { AREA_ABOVE_IMAGE = 7, AREA_GAP, AREA_VMALLOC };

static struct area_start areas[] = {
	{ 0, "null page" },
	{ PAGE_SIZE, "user space (not in use)" },
	{ VMEMMAP_BASE, "vmemmap: struct page" },
	{ VMEMMAP_END, "spare" },
	{ PKMAP_BASE, "pkmap: kmap windows" },
	{ CONFIG_PAGE_OFFSET, "lowmem" },
	{ CONFIG_PAGE_OFFSET + SZ_2M, "image" },
	[AREA_ABOVE_IMAGE] = { VMALLOC_END, "lowmem" },
	[AREA_GAP] = { VMALLOC_END, "gap above lowmem" },
	[AREA_VMALLOC] = { VMALLOC_END, "vmalloc" },
	{ VMALLOC_END, "spare" },
	{ BLOB_WINDOW, "device tree" },
	{ BLOB_WINDOW_END, "spare" },
	{ FIXMAP_BASE, "fixmap: device and kmap_local windows" },
	{ FIXMAP_END, "spare" },
	{ VECTORS_BASE, "exception vectors" },
	{ VECTORS_BASE + PAGE_SIZE, "spare" },
};

extern char __image_end[];

void vm_map_init(uintptr_t lowmem_end, uintptr_t vmalloc_start)
{
	areas[AREA_ABOVE_IMAGE].start = (uintptr_t)__image_end;
	areas[AREA_GAP].start = lowmem_end;
	areas[AREA_VMALLOC].start = vmalloc_start;
}

unsigned int vm_map_count(void)
{
	return ARRAY_SIZE(areas);
}

struct vm_area vm_map_area(unsigned int index)
{
	uint64_t end = index + 1 < ARRAY_SIZE(areas) ? areas[index + 1].start : SZ_4G;

	return (struct vm_area){ areas[index].start, end, areas[index].name };
}

struct vm_area vm_map_find(uintptr_t virt)
{
	unsigned int index = ARRAY_SIZE(areas) - 1;

	while (areas[index].start > virt)
		index--;
	return vm_map_area(index);
}
