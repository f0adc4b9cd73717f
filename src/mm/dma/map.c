/* SPDX-License-Identifier: MIT */
/*
 * Mappings: checked against the reach, bounced where that is too short, cleaned where the device sees
 * no caches.
 *
 * Nothing is remembered of a mapping that is not bounced: its bus address says where it lies.
 */
#include "mm/dma/map.h"

#include <errno.h>

#include "lib/bits.h"
#include "mm/dma/bounce.h"
#include "mm/dma/debug.h"
#include "mm/dma/options.h"
#include "mm/dma/touch.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"

void (*dma_refusal_hook)(const struct dma_refusal *refusal);

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* --- refusing -------------------------------------------------------------------------------- */

void dma_refuse(const struct dma_refusal *refusal)
{
	if (dma_refusal_hook != NULL)
		dma_refusal_hook(refusal);
}

static dma_addr_t refuse(const struct dma_mapping *wanted, enum dma_refusal_reason reason)
{
	const struct dma_refusal refusal = {
		.reason = reason,
		.device = wanted->device,
		.phys = wanted->phys,
		.bytes = wanted->bytes,
		.mask = wanted->device->mask,
		.caller = wanted->caller,
	};

	dma_refuse(&refusal);
	return DMA_MAPPING_ERROR;
}

/* --- the CPU's and the device's view ----------------------------------------------------------- */

/* What the CPU wrote must be in memory; of what only the device writes, no line may be written back. */
static bool clean_for_device(phys_addr_t phys, size_t bytes, enum dma_data_direction direction)
{
	return direction == DMA_FROM_DEVICE ? dma_touch_invalidate(phys, bytes)
					    : dma_touch_clean(phys, bytes);
}

/* Lines may have been fetched since then, ahead of any use. */
static bool clean_for_cpu(phys_addr_t phys, size_t bytes, enum dma_data_direction direction)
{
	return direction == DMA_TO_DEVICE || dma_touch_invalidate(phys, bytes);
}

/*
 * Make [target, target + bytes) the device's; `first` is the run that it lies in, or NULL. What only
 * the device writes is copied as well at first: it may write less than all of it.
 */
static bool give_to_device(const struct dma_device *device, const struct bounce_slot *first,
			   phys_addr_t target, size_t bytes, enum dma_data_direction direction)
{
	const struct bounce_pool *pool = device->pool;

	if (first != NULL) {
		pool = bounce_pool_of(target);
		if (!bounce_fill(pool, first, target - bounce_phys(pool, first), bytes))
			return false;
		/* What was copied must reach memory, whoever writes there next. */
		if (direction == DMA_FROM_DEVICE)
			direction = DMA_BIDIRECTIONAL;
	}
	return device->coherent || clean_for_device(target, bytes, direction);
}

static bool give_to_cpu(const struct dma_device *device, const struct bounce_slot *first,
			phys_addr_t target, size_t bytes, enum dma_data_direction direction)
{
	const struct bounce_pool *pool;

	if (!device->coherent && !clean_for_cpu(target, bytes, direction))
		return false;
	if (first == NULL || direction == DMA_TO_DEVICE)
		return true;
	pool = bounce_pool_of(target);
	return bounce_drain(pool, first, target - bounce_phys(pool, first), bytes);
}

/* --- mapping --------------------------------------------------------------------------------- */

static void count_mapping(struct dma_device *device, uint32_t change)
{
	__atomic_fetch_add(&device->live_mappings, change, __ATOMIC_RELAXED);
}

/* A bus address must fit dma_addr_t, and not be the one that means an error. */
static bool reach(const struct dma_device *device, uint64_t phys, size_t bytes, uint64_t *bus)
{
	return dma_reaches(device, phys, bytes, dma_streaming_mask(device), bus) &&
	       *bus != DMA_MAPPING_ERROR;
}

/* With dma_check=off: as the hardware would be told by somebody who does not look. */
static uint64_t unchecked_bus(const struct dma_mapping *wanted)
{
	uint64_t bus;

	return dma_bus_of_phys(wanted->device, wanted->phys, &bus) ? bus : wanted->phys;
}

static dma_addr_t refuse_slot(const struct dma_mapping *wanted)
{
	if (wanted->device->pool == NULL)
		return refuse(wanted, DMA_OUT_OF_REACH);
	return refuse(wanted, wanted->bytes > dma_max_mapping_size(wanted->device) ? DMA_TOO_LARGE
										   : DMA_POOL_FULL);
}

/* Take a slot. False: it was refused. */
static bool bounce(struct dma_device *device, const struct dma_mapping *wanted, phys_addr_t *target,
		   uint64_t *bus)
{
	const struct bounce_slot slot = {
		.device = device,
		.original = (phys_addr_t)wanted->phys,
		.bytes = wanted->bytes,
		.direction = wanted->direction,
		.caller = wanted->caller,
	};

	if (device->pool == NULL || !bounce_take(device->pool, &slot, target)) {
		refuse_slot(wanted);
		return false;
	}
	reach(device, *target, wanted->bytes, bus);
	return true;
}

static dma_addr_t map(struct dma_device *device, const struct dma_mapping *wanted)
{
	const struct bounce_slot *first = NULL;
	phys_addr_t target = (phys_addr_t)wanted->phys;
	uint64_t bus;

	if (!reach(device, wanted->phys, wanted->bytes, &bus)) {
		if (dma_options.unchecked)
			bus = unchecked_bus(wanted);
		else if (!bounce(device, wanted, &target, &bus))
			return DMA_MAPPING_ERROR;
		else
			first = bounce_find(bounce_pool_of(target), target, wanted->bytes);
	}
	if (!give_to_device(device, first, target, wanted->bytes, wanted->direction)) {
		if (first != NULL)
			bounce_give(device->pool, first);
		return refuse(wanted, DMA_NO_WINDOW);
	}
	count_mapping(device, 1);
	if (unlikely(dma_debug)) {
		struct dma_mapping mapping = *wanted;

		mapping.bus = (dma_addr_t)bus;
		dma_debug_mapped(&mapping, target);
	}
	return (dma_addr_t)bus;
}

static bool is_sound(const struct dma_mapping *wanted)
{
	return wanted->bytes != 0 && wanted->direction < DMA_NONE &&
	       wanted->bytes - 1 <= PHYS_ADDR_MAX - wanted->phys && wanted->phys <= PHYS_ADDR_MAX;
}

static dma_addr_t map_memory(struct dma_device *device, struct dma_mapping *wanted)
{
	if (!is_sound(wanted))
		return refuse(wanted, DMA_BAD_REQUEST);
	if (!memblock_is_region_memory((phys_addr_t)wanted->phys, (phys_addr_t)wanted->bytes))
		return refuse(wanted, DMA_NOT_RAM);
	return map(device, wanted);
}

/* All of it has linear addresses. */
static bool is_linear(uint64_t phys, size_t bytes)
{
	uint64_t last = phys + (bytes - 1);

	return phys <= last && zones_is_lowmem(PFN_DOWN(phys)) && last < SZ_4G &&
	       zones_is_lowmem(PFN_DOWN(last));
}

static __attribute__((noinline)) dma_addr_t map_single_slowly(struct dma_device *device,
							      const void *address, size_t bytes,
							      enum dma_data_direction direction,
							      uintptr_t caller)
{
	struct dma_mapping wanted = {
		.device = device,
		.phys = virt_to_phys(address),
		.bytes = bytes,
		.direction = direction,
		.kind = DMA_MAP_SINGLE,
		.caller = caller,
	};

	if (bytes != 0 && !is_linear(wanted.phys, bytes)) {
		wanted.phys = (uintptr_t)address;
		return refuse(&wanted, DMA_NOT_LINEAR);
	}
	return map_memory(device, &wanted);
}

dma_addr_t dma_map_single(struct dma_device *device, const void *address, size_t bytes,
			  enum dma_data_direction direction)
{
	phys_addr_t offset = virt_to_phys(address) - device->direct_phys;

	if (unlikely(offset >= device->direct_bytes ||
		     bytes - 1 >= device->direct_bytes - (size_t)offset || direction >= DMA_NONE))
		return map_single_slowly(device, address, bytes, direction, CALLER);
	count_mapping(device, 1);
	return device->direct_bus + (dma_addr_t)offset;
}

static dma_addr_t map_page(struct dma_device *device, const struct page *page, size_t offset,
			   size_t bytes, enum dma_data_direction direction, enum dma_map_kind kind,
			   uintptr_t caller)
{
	struct dma_mapping wanted = {
		.device = device,
		.phys = (uint64_t)page_to_phys(page) + offset,
		.bytes = bytes,
		.direction = direction,
		.kind = kind,
		.caller = caller,
	};

	return map_memory(device, &wanted);
}

dma_addr_t dma_map_page(struct dma_device *device, const struct page *page, size_t offset,
			size_t bytes, enum dma_data_direction direction)
{
	return map_page(device, page, offset, bytes, direction, DMA_MAP_PAGE, CALLER);
}

dma_addr_t dma_map_resource(struct dma_device *device, phys_addr_t phys, size_t bytes,
			    enum dma_data_direction direction)
{
	const struct dma_mapping wanted = {
		.device = device,
		.phys = phys,
		.bytes = bytes,
		.direction = direction,
		.kind = DMA_MAP_RESOURCE,
		.caller = CALLER,
	};
	struct dma_mapping mapping = wanted;
	uint64_t bus;

	if (!is_sound(&wanted))
		return refuse(&wanted, DMA_BAD_REQUEST);
	if (memblock_overlaps_region(&memblock.memory, phys, (phys_addr_t)bytes))
		return refuse(&wanted, DMA_IS_RAM);
	if (!reach(device, phys, bytes, &bus)) {
		if (!dma_options.unchecked)
			return refuse(&wanted, DMA_OUT_OF_REACH);
		bus = unchecked_bus(&wanted);
	}
	count_mapping(device, 1);
	mapping.bus = (dma_addr_t)bus;
	if (unlikely(dma_debug))
		dma_debug_mapped(&mapping, phys);
	return mapping.bus;
}

size_t dma_max_mapping_size(const struct dma_device *device)
{
	size_t run = (size_t)BOUNCE_RUN_MOST * BOUNCE_SLOT_BYTES;

	if (device->pool == NULL ||
	    dma_reaches_ram(device, 0, UINT64_MAX, dma_streaming_mask(device)))
		return SIZE_MAX;
	return device->pool->bytes < run ? device->pool->bytes : run;
}

/* --- unmapping and syncing ------------------------------------------------------------------- */

/* Where a bus address leads: memory, and the run if it is a slot. False: no mapping can be there. */
static bool look_up(const struct dma_mapping *call, phys_addr_t *target,
		    const struct bounce_slot **first)
{
	const struct bounce_pool *pool;
	uint64_t phys;

	*first = NULL;
	if (!dma_phys_of_bus(call->device, call->bus, &phys) || phys > PHYS_ADDR_MAX) {
		if (!dma_options.unchecked)
			return false;
		phys = call->bus;
	}
	*target = (phys_addr_t)phys;
	pool = bounce_pool_of(phys);
	if (pool == NULL)
		return true;
	*first = bounce_find(pool, *target, call->bytes);
	return *first != NULL && (*first)->device == call->device;
}

/* What lies in the direct piece, or in a pool, needs no search. */
static bool is_memory(const struct dma_mapping *call, phys_addr_t target,
		      const struct bounce_slot *first)
{
	const struct dma_device *device = call->device;

	if (call->kind == DMA_MAP_RESOURCE)
		return false;
	if (first != NULL || (target - device->direct_phys < device->direct_bytes &&
			      call->bytes <= device->direct_bytes - (target - device->direct_phys)))
		return true;
	return memblock_is_region_memory(target, (phys_addr_t)call->bytes);
}

/* Whether something may be mapped so. With dma_check=off mappings lie anywhere. */
static bool may_be_mapped(const struct dma_mapping *call, phys_addr_t target, bool memory)
{
	if (call->bytes == 0 || call->bus == DMA_MAPPING_ERROR)
		return false;
	if (call->kind != DMA_MAP_RESOURCE || dma_options.unchecked)
		return memory || dma_options.unchecked;
	return !memblock_overlaps_region(&memblock.memory, target, (phys_addr_t)call->bytes);
}

/* A run that is the device's is a mapping, whatever was counted; else there must be one that is counted. */
static bool is_mapped(const struct dma_device *device, phys_addr_t target,
		      const struct bounce_slot *first)
{
	if (first != NULL)
		return bounce_phys(bounce_pool_of(target), first) == target;
	return device->live_mappings != 0;
}

/* What an unmapping is about. False: nothing is mapped so. */
static bool find_mapping(const struct dma_device *device, const struct dma_mapping *call,
			 phys_addr_t *target, const struct bounce_slot **first, bool *memory)
{
	if (!look_up(call, target, first) || !is_mapped(device, *target, *first))
		return false;
	*memory = is_memory(call, *target, *first);
	return may_be_mapped(call, *target, *memory);
}

/* A wrong unmapping may have been taken for the one that was counted. */
static void count_unmapping(struct dma_device *device)
{
	uint32_t live = __atomic_load_n(&device->live_mappings, __ATOMIC_RELAXED);

	while (live != 0 && !__atomic_compare_exchange_n(&device->live_mappings, &live, live - 1,
							 false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void unmap(struct dma_device *device, struct dma_mapping *call)
{
	const struct bounce_slot *first;
	phys_addr_t target;
	bool memory;

	if (unlikely(dma_debug) && !dma_debug_unmapped(call))
		return;
	if (!find_mapping(device, call, &target, &first, &memory)) {
		dma_tell(DMA_UNMAP_UNKNOWN, call, NULL);
		return;
	}
	if ((!device->coherent || first != NULL) && memory &&
	    !give_to_cpu(device, first, target, call->bytes, call->direction))
		dma_tell(DMA_WINDOWS_OPEN, call, NULL);
	if (first != NULL)
		bounce_give(bounce_pool_of(target), first);
	count_unmapping(device);
}

static void unmap_range(struct dma_device *device, dma_addr_t bus, size_t bytes,
			enum dma_data_direction direction, enum dma_map_kind kind, uintptr_t caller)
{
	struct dma_mapping call = {
		.device = device,
		.bus = bus,
		.bytes = bytes,
		.direction = direction,
		.kind = kind,
		.caller = caller,
	};

	unmap(device, &call);
}

void dma_unmap_single(struct dma_device *device, dma_addr_t bus, size_t bytes,
		      enum dma_data_direction direction)
{
	unmap_range(device, bus, bytes, direction, DMA_MAP_SINGLE, CALLER);
}

void dma_unmap_page(struct dma_device *device, dma_addr_t bus, size_t bytes,
		    enum dma_data_direction direction)
{
	unmap_range(device, bus, bytes, direction, DMA_MAP_PAGE, CALLER);
}

void dma_unmap_resource(struct dma_device *device, dma_addr_t bus, size_t bytes,
			enum dma_data_direction direction)
{
	unmap_range(device, bus, bytes, direction, DMA_MAP_RESOURCE, CALLER);
}

static void sync(struct dma_device *device, const struct dma_mapping *call, bool for_cpu)
{
	const struct bounce_slot *first;
	phys_addr_t target;
	bool done;

	if (unlikely(dma_debug) && !dma_debug_synced(call, for_cpu))
		return;
	if (!look_up(call, &target, &first)) {
		dma_tell(DMA_SYNC_UNKNOWN, call, NULL);
		return;
	}
	if (call->bytes == 0)
		return;
	if (!is_memory(call, target, first)) {
		if (!dma_options.unchecked)
			dma_tell(DMA_SYNC_UNKNOWN, call, NULL);
		return;
	}
	if (for_cpu)
		done = give_to_cpu(device, first, target, call->bytes, call->direction);
	else if (first != NULL && call->direction == DMA_FROM_DEVICE)
		done = device->coherent || clean_for_device(target, call->bytes, call->direction);
	else
		done = give_to_device(device, first, target, call->bytes, call->direction);
	if (!done)
		dma_tell(DMA_WINDOWS_OPEN, call, NULL);
}

static void sync_range(struct dma_device *device, dma_addr_t bus, size_t bytes,
		       enum dma_data_direction direction, bool for_cpu, uintptr_t caller)
{
	const struct dma_mapping call = {
		.device = device,
		.bus = bus,
		.bytes = bytes,
		.direction = direction,
		.caller = caller,
	};

	sync(device, &call, for_cpu);
}

void dma_sync_single_for_cpu(struct dma_device *device, dma_addr_t bus, size_t bytes,
			     enum dma_data_direction direction)
{
	sync_range(device, bus, bytes, direction, true, CALLER);
}

void dma_sync_single_for_device(struct dma_device *device, dma_addr_t bus, size_t bytes,
				enum dma_data_direction direction)
{
	sync_range(device, bus, bytes, direction, false, CALLER);
}

/* --- many pieces ----------------------------------------------------------------------------- */

static void unmap_pieces(struct dma_device *device, struct scatterlist *list, unsigned int count,
			 enum dma_data_direction direction, uintptr_t caller)
{
	for (unsigned int i = 0; i < count; i++) {
		unmap_range(device, list[i].dma_address, list[i].dma_length, direction, DMA_MAP_SG,
			    caller);
		list[i].dma_length = 0;
	}
}

unsigned int dma_map_sg(struct dma_device *device, struct scatterlist *list, unsigned int count,
			enum dma_data_direction direction)
{
	for (unsigned int i = 0; i < count; i++) {
		list[i].dma_address = map_page(device, list[i].page, list[i].offset, list[i].length,
					       direction, DMA_MAP_SG, CALLER);
		if (dma_mapping_error(device, list[i].dma_address)) {
			list[i].dma_length = 0;
			unmap_pieces(device, list, i, direction, CALLER);
			return 0;
		}
		list[i].dma_length = list[i].length;
	}
	return count;
}

void dma_unmap_sg(struct dma_device *device, struct scatterlist *list, unsigned int count,
		  enum dma_data_direction direction)
{
	unmap_pieces(device, list, count, direction, CALLER);
}

void dma_sync_sg_for_cpu(struct dma_device *device, struct scatterlist *list, unsigned int count,
			 enum dma_data_direction direction)
{
	for (unsigned int i = 0; i < count; i++)
		sync_range(device, list[i].dma_address, list[i].dma_length, direction, true,
			   CALLER);
}

void dma_sync_sg_for_device(struct dma_device *device, struct scatterlist *list, unsigned int count,
			    enum dma_data_direction direction)
{
	for (unsigned int i = 0; i < count; i++)
		sync_range(device, list[i].dma_address, list[i].dma_length, direction, false,
			   CALLER);
}

/* --- masks ----------------------------------------------------------------------------------- */

/* Some of RAM, through some window. */
static bool reaches_ram(const struct dma_device *device, uint64_t mask)
{
	for (uint32_t i = 0; i < max_u64(device->window_count, 1); i++) {
		struct memblock_region *region;

		for_each_mem_region(region) {
			uint64_t phys = region->base, end = phys + region->size, bus;

			if (dma_window_part(device, i, mask, &phys, &end, &bus))
				return true;
		}
	}
	return false;
}

static bool accept_mask(const struct dma_device *device, uint64_t mask, uintptr_t caller)
{
	const struct dma_refusal refusal = {
		.reason = DMA_MASK_IN_VAIN,
		.device = device,
		.mask = mask,
		.caller = caller,
	};

	if (reaches_ram(device, min_u64(mask, DMA_BIT_MASK(32))))
		return true;
	dma_refuse(&refusal);
	return false;
}

int dma_set_mask(struct dma_device *device, uint64_t mask)
{
	if (!accept_mask(device, mask, CALLER))
		return -EIO;
	device->mask = mask;
	dma_device_update(device);
	return 0;
}

int dma_set_coherent_mask(struct dma_device *device, uint64_t mask)
{
	if (!accept_mask(device, mask, CALLER))
		return -EIO;
	device->coherent_mask = mask;
	return 0;
}

int dma_set_mask_and_coherent(struct dma_device *device, uint64_t mask)
{
	if (!accept_mask(device, mask, CALLER))
		return -EIO;
	device->mask = device->coherent_mask = mask;
	dma_device_update(device);
	return 0;
}
