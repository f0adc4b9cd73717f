/* SPDX-License-Identifier: MIT */
#include "boot/dma.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "boot/blob.h"
#include "boot/dma_tree.h"
#include "kern/log.h"
#include "kern/resource.h"
#include "mm/dma/bounce.h"
#include "mm/dma/coherent.h"
#include "mm/dma/debug.h"
#include "mm/dma/options.h"
#include "mm/obj/slab.h"
#include "mm/virt/vmalloc.h"

static const struct boot_tree *tree;
static const void *blob;
static uint64_t ram_base;

/* --- devices of the tree --------------------------------------------------------------------- */

/* A device and its path, one allocation. */
struct tree_device {
	struct dma_device dma;
	char path[];
};

static struct dma_device *known(const char *path)
{
	struct dma_device *device = dma_devices();

	while (device != NULL && strcmp(device->name, path) != 0)
		device = device->next;
	return device;
}

static struct dma_device *make(int node, const char *path)
{
	size_t bytes = strlen(path) + 1;
	struct tree_device *made = kzalloc(offsetof(struct tree_device, path) + bytes, GFP_KERNEL);

	if (made == NULL)
		return NULL;
	memcpy(made->path, path, bytes);
	dma_device_init(&made->dma, made->path);
	dma_tree_describe(tree, blob, node, ram_base, &made->dma);
	dma_device_register(&made->dma);
	return &made->dma;
}

static struct dma_device *device_of_node(const void *of_blob, int node)
{
	const char *path = blob_node_path(of_blob, (uint32_t)node);
	struct dma_device *device = known(path);

	return device != NULL ? device : make(node, path);
}

/* The root is no device. */
static struct dma_device *device_by_name(const char *name)
{
	int node = blob_find_device(blob, name);

	return node > 0 ? device_of_node(blob, node) : NULL;
}

/* --- at boot --------------------------------------------------------------------------------- */

static void add_pool(const struct boot_pool *planned)
{
	struct bounce_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	void *records = kvzalloc(bounce_pool_record_bytes((size_t)planned->bytes), GFP_KERNEL);

	if (pool == NULL || records == NULL) {
		kfree(pool);
		kvfree(records);
		pr_warn("DMA bounce pool for %s: no memory for its records; it is not used\n",
			planned->name);
		return;
	}
	bounce_pool_add(pool, planned->name, (phys_addr_t)planned->base, (size_t)planned->bytes,
			records);
	resource_add(planned->base, planned->bytes, "DMA bounce pool");
}

static void start_debug(void)
{
	void *records = dma_options.debug ? kvzalloc(dma_debug_record_bytes(), GFP_KERNEL) : NULL;

	if (dma_options.debug && records == NULL)
		pr_warn("dma_debug=1: no memory for its records; nothing is watched\n");
	dma_debug_start(records);
}

/* So that reports have them before a driver comes. What no device is, the plan has said. */
static void find_limited(void)
{
	struct dma_limit_rule rule;

	for (unsigned int i = 0; dma_limit_rule(i, &rule); i++)
		device_by_name(rule.name);
}

static void start_coherent(void)
{
	uint32_t wanted = dma_options.coherent_megabytes, made = coherent_start(wanted);

	if (made < wanted)
		pr_warn("coherent_pool=: %" PRIu32 " of %" PRIu32
			" MiB made; no more blocks of 1 MiB are free\n",
			made, wanted);
}

void boot_dma_init(const struct boot_tree *the_tree, const void *the_blob,
		   const struct boot_plan *plan)
{
	tree = the_tree;
	blob = the_blob;
	ram_base = plan->ram_base;
	dma_events_attach();
	for (unsigned int i = 0; i < plan->pool_count; i++)
		add_pool(&plan->pools[i]);
	start_debug();
	dma_device_of_node_hook = device_of_node;
	dma_device_by_name_hook = device_by_name;
	if (dma_options.unchecked)
		pr_warn("dma_check=off: devices get addresses that they do not reach, and will "
			"corrupt memory\n");
	find_limited();
	start_coherent();
}
