/* SPDX-License-Identifier: MIT */
#include "mm/phys/dma_limit.h"

#include <string.h>

#include "kern/param.h"
#include "lib/size.h"
#include "mm/phys/zone_layout.h"

#define DEVICE_NAME_BYTES 48

/* How dma_limit= puts it: lines counted from RAM, or bus addresses [base, last]. */
struct device_limit {
	char name[DEVICE_NAME_BYTES];
	bool is_bits;
	uint64_t bits_bytes;
	uint64_t base;
	uint64_t last;
};

static uint64_t dma_zone_bytes = DMA_LIMIT_NONE;
static unsigned int simdma_bits;
static struct device_limit devices[DMA_LIMIT_DEVICES_MAX];
static unsigned int device_count;

static const char *parse_dma_zone(const char *value)
{
	uint64_t bytes;

	if (value == NULL || !parse_size_or_bits(value, &bytes))
		return "expects a size such as 256M or 28bits";
	dma_zone_bytes = bytes;
	return NULL;
}

BOOT_PARAM(dma_zone, parse_dma_zone, "SIZE|Nbits",
	   "size of ZONE_DMA from the start of RAM, whatever devices say; 0: none");

static const char *parse_simdma(const char *value)
{
	const char *text = value;
	uint64_t bits;

	if (value == NULL) {
		simdma_bits = 32;
		return NULL;
	}
	if (!parse_number(&text, &bits) || (*text != '\0' && strcmp(text, "bits") != 0) ||
	    bits < PAGE_SHIFT || bits > 32)
		return "expects the number of address lines, 12 to 32, such as 28";
	simdma_bits = (unsigned int)bits;
	return NULL;
}

BOOT_PARAM(simdma, parse_simdma, "[N]",
	   "attach a simulated DMA peripheral with N address lines, or 32");

/* Read what follows the colon. False: none of the three forms. */
static bool parse_device_reach(const char *text, struct device_limit *limit)
{
	const char *rest = text;
	uint64_t number;

	*limit = (struct device_limit){ .is_bits = false };
	if (strstr(text, "bits") != NULL) {
		limit->is_bits = true;
		return parse_size_or_bits(text, &limit->bits_bytes);
	}
	if (parse_number(&rest, &number) && *rest == '\0') {
		limit->base = 0;
		limit->last = number;
		return true;
	}
	rest = text;
	if (!parse_size(&rest, &number) || number == 0 || *rest != '@')
		return false;
	rest++;
	if (!parse_size(&rest, &limit->base) || *rest != '\0' ||
	    limit->base + (number - 1) < limit->base)
		return false;
	limit->last = limit->base + (number - 1);
	return true;
}

/* A device named again replaces what was said of it. */
static struct device_limit *slot_for(const char *name, size_t bytes)
{
	for (unsigned int i = 0; i < device_count; i++)
		if (strlen(devices[i].name) == bytes && memcmp(devices[i].name, name, bytes) == 0)
			return &devices[i];
	return device_count < DMA_LIMIT_DEVICES_MAX ? &devices[device_count] : NULL;
}

static const char *parse_dma_limit(const char *value)
{
	const char *colon = value != NULL ? strrchr(value, ':') : NULL;
	struct device_limit limit, *slot;
	size_t name_bytes;

	if (colon == NULL || colon == value || !parse_device_reach(colon + 1, &limit))
		return "expects DEVICE:Nbits, DEVICE:0xMASK or DEVICE:SIZE@BUSADDRESS";
	name_bytes = (size_t)(colon - value);
	if (name_bytes >= DEVICE_NAME_BYTES)
		return "the device's name has more than 47 characters; use its alias";
	slot = slot_for(value, name_bytes);
	if (slot == NULL)
		return "eight devices are limited already; drop one";
	memcpy(limit.name, value, name_bytes);
	limit.name[name_bytes] = '\0';
	if (slot == &devices[device_count])
		device_count++;
	*slot = limit;
	return NULL;
}

BOOT_PARAM(dma_limit, parse_dma_limit, "DEVICE:Nbits|MASK|SIZE@BUSADDRESS",
	   "pretend that a device reaches no further than this");

unsigned int dma_limit_simdma_bits(void)
{
	return simdma_bits;
}

bool dma_limit_rule(unsigned int index, struct dma_limit_rule *rule)
{
	const struct device_limit *limit = &devices[index];

	if (index >= device_count)
		return false;
	*rule = (struct dma_limit_rule){
		.name = limit->name,
		.is_bits = limit->is_bits,
		.bytes = limit->is_bits ? limit->bits_bytes : 0,
		.first_bus = limit->base,
		.last_bus = limit->last,
	};
	return true;
}

void dma_limit_reset(void)
{
	dma_zone_bytes = DMA_LIMIT_NONE;
	simdma_bits = 0;
	device_count = 0;
}

/* Take the candidate if it limits at all and more than the best so far. */
static bool take_smaller(const struct dma_limit_input *input, struct dma_limit *limit,
			 uint64_t bytes, enum dma_limit_source source)
{
	if (bytes >= input->ram_end - input->ram_base || bytes >= limit->reach.bytes)
		return false;
	limit->reach.bytes = bytes;
	limit->reach.source = source;
	return true;
}

/* Windows first..first+count-1 belong to one node and unite: the highest address counts. */
static void consider_node(const struct dma_limit_input *input, unsigned int first,
			  unsigned int count, struct dma_limit *limit)
{
	const struct dma_window *windows = &input->windows[first];
	uint64_t end = 0;
	bool holds_base = false;

	for (unsigned int i = 0; i < count; i++) {
		end = max_u64(end, windows[i].end);
		if (windows[i].base <= input->ram_base && input->ram_base < windows[i].end)
			holds_base = true;
	}
	if (!holds_base) {
		if (limit->missing_node_count < DMA_LIMIT_MISSES_MAX)
			limit->missing_nodes[limit->missing_node_count++] = windows[0].node;
		return;
	}
	if (take_smaller(input, limit, end - input->ram_base, DMA_LIMIT_FROM_DMA_RANGES))
		limit->reach.node = windows[0].node;
}

static void consider_windows(const struct dma_limit_input *input, struct dma_limit *limit)
{
	unsigned int first = 0;

	while (first < input->window_count) {
		unsigned int count = 1;

		while (first + count < input->window_count &&
		       input->windows[first + count].node == input->windows[first].node)
			count++;
		consider_node(input, first, count, limit);
		first += count;
	}
}

static void consider_device(const struct dma_limit_input *input, const struct device_limit *device,
			    struct dma_limit *limit)
{
	uint64_t bus = input->ram_base;
	uint64_t bytes;

	/* Asked in any case: whoever knows the devices says when there is none of this name. */
	if (input->bus_of_ram_base != NULL)
		bus = input->bus_of_ram_base(device->name, input->ram_base);
	if (device->is_bits) {
		bytes = device->bits_bytes;
	} else {
		if (bus < device->base || bus > device->last) {
			limit->missing_devices[limit->missing_device_count++] = device->name;
			return;
		}
		bytes = device->last - bus;
		bytes += bytes < UINT64_MAX; /* to half-open */
	}
	if (take_smaller(input, limit, bytes, DMA_LIMIT_FROM_DEVICE))
		limit->reach.device = device->name;
}

/* One in the tree wins. */
static void consider_simdma(const struct dma_limit_input *input, struct dma_limit *limit)
{
	unsigned int bits = input->simdma_bits != 0 ? input->simdma_bits : simdma_bits;

	if (bits != 0 && take_smaller(input, limit, 1ULL << bits, DMA_LIMIT_FROM_SIMDMA))
		limit->reach.node = input->simdma_bits != 0 ? input->simdma_node : 0;
}

void dma_limit_compute(const struct dma_limit_input *input, struct dma_limit *limit)
{
	memset(limit, 0, sizeof(*limit));
	limit->reach.bytes = DMA_LIMIT_NONE;
	limit->reach.source = DMA_LIMIT_FROM_NOTHING;

	consider_windows(input, limit);
	consider_simdma(input, limit);
	for (unsigned int i = 0; i < device_count; i++)
		consider_device(input, &devices[i], limit);

	limit->bytes = limit->reach.bytes;
	limit->source = limit->reach.source;
	if (CONFIG_DMA_ZONE_SIZE != 0) {
		limit->bytes = CONFIG_DMA_ZONE_SIZE;
		limit->source = DMA_LIMIT_FROM_CONFIG;
	}
	if (dma_zone_bytes != DMA_LIMIT_NONE) {
		limit->bytes = dma_zone_bytes;
		limit->source = DMA_LIMIT_FROM_DMA_ZONE;
	}
}
