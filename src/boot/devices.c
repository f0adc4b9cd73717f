/* SPDX-License-Identifier: MIT */
/*
 * One pass over the tree finds the nodes that have a driver, and how each would say where its
 * interrupts go; then the drivers are called, stage by stage.
 */
#include "boot/devices.h"

#include <inttypes.h>
#include <libfdt.h>
#include <limits.h>
#include <string.h>

#include "boot/blob.h"
#include "boot/early/tree.h"
#include "kern/driver.h"
#include "kern/log.h"

#define DEVICES_MOST         64U
#define INTERRUPT_CELLS_MOST 8U

/* Which node the interrupts of another go to. */
struct controller_name {
	enum { PARENT_NONE, PARENT_PHANDLE, PARENT_NODE } by;
	uint32_t value; /* the phandle, or the node's offset */
};

/* What a node's properties say. Absent ones: NULL, or 0. */
struct node_facts {
	const char *compatible, *status;
	int compatible_bytes, status_bytes;
	const fdt32_t *interrupt_parent, *interrupt_cells, *phandle;
};

struct found {
	int node;
	const struct driver *driver;
	uint32_t phandle;         /* 0: none */
	uint32_t interrupt_cells; /* #interrupt-cells, 0: no controller, or not a good one */
	struct controller_name parent;
	const struct irq_chip *chip; /* what its probe made known */
	bool probed;
};

static struct found found[DEVICES_MOST];
static uint32_t found_count;

/* --- reading one node ------------------------------------------------------------------------ */

/* What is not one number is taken for 0, which no phandle is. */
static const fdt32_t *one_cell(const void *value, int bytes)
{
	static const fdt32_t none;

	return bytes == 4 ? value : &none;
}

/* One pass over the properties; of two with the same name the first counts, as for libfdt. */
static void read_node(const void *blob, int node, struct node_facts *facts)
{
	int at;

	memset(facts, 0, sizeof(*facts));
	fdt_for_each_property_offset(at, blob, node)
	{
		const char *name;
		int bytes;
		const void *value = fdt_getprop_by_offset(blob, at, &name, &bytes);

		if (value == NULL)
			continue;
		if (facts->compatible == NULL && strcmp(name, "compatible") == 0) {
			facts->compatible = value;
			facts->compatible_bytes = bytes;
		} else if (facts->status == NULL && strcmp(name, "status") == 0) {
			facts->status = value;
			facts->status_bytes = bytes;
		} else if (facts->interrupt_parent == NULL &&
			   strcmp(name, "interrupt-parent") == 0) {
			facts->interrupt_parent = one_cell(value, bytes);
		} else if (facts->interrupt_cells == NULL &&
			   strcmp(name, "#interrupt-cells") == 0) {
			facts->interrupt_cells = one_cell(value, bytes);
		} else if (facts->phandle == NULL && strcmp(name, "phandle") == 0) {
			facts->phandle = one_cell(value, bytes);
		}
	}
}

static bool is_available(const struct node_facts *facts)
{
	return facts->status == NULL ||
	       (facts->status_bytes == 5 && memcmp(facts->status, "okay", 5) == 0) ||
	       (facts->status_bytes == 3 && memcmp(facts->status, "ok", 3) == 0);
}

/* The list's own order is the order of preference: most special first. */
static const struct driver *match(const char *list, int bytes)
{
	const struct driver *driver;

	for (const char *end = list + bytes; list < end; list += strnlen(list, end - list) + 1)
		for_each_table_entry(driver, drivers)
			for (const char *const *name = driver->compatible; *name != NULL; name++)
				if (strlen(*name) < (size_t)(end - list) &&
				    strcmp(*name, list) == 0)
					return driver;
	return NULL;
}

/* --- finding the nodes ----------------------------------------------------------------------- */

static void add_found(const void *blob, int node, const struct node_facts *facts,
		      struct controller_name parent)
{
	const struct driver *driver = facts->compatible != NULL && facts->compatible_bytes > 0
					      ? match(facts->compatible, facts->compatible_bytes)
					      : NULL;

	if (driver == NULL)
		return;
	if (found_count == DEVICES_MOST) {
		pr_warn("%s: more than %u devices that have a driver: not used; enlarge "
			"DEVICES_MOST\n",
			blob_node_path(blob, (uint32_t)node), DEVICES_MOST);
		return;
	}
	found[found_count++] = (struct found){
		.node = node,
		.driver = driver,
		.phandle = facts->phandle != NULL ? fdt32_ld(facts->phandle) : 0,
		.interrupt_cells =
			facts->interrupt_cells != NULL ? fdt32_ld(facts->interrupt_cells) : 0,
		.parent = parent,
	};
}

/*
 * What a node does not say of its controller the node above it says; one that is a controller itself
 * is that of what lies below it. inherited[depth] is what a node at that depth inherits.
 *
 * What lies below a node that is not available is not available either. Nodes too deep for the
 * walk of the boot were noted there.
 */
static void find_devices(const void *blob)
{
	struct controller_name inherited[TREE_DEPTH_MAX + 1] = { { PARENT_NONE, 0 } };
	int depth = 0, hidden_below = INT_MAX;

	found_count = 0;
	for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(blob, node, &depth)) {
		struct controller_name parent;
		struct node_facts facts;

		if (depth > hidden_below || depth >= TREE_DEPTH_MAX)
			continue;
		read_node(blob, node, &facts);
		hidden_below = is_available(&facts) ? INT_MAX : depth;
		if (hidden_below == depth)
			continue;
		parent = inherited[depth];
		if (facts.interrupt_parent != NULL)
			parent = (struct controller_name){ PARENT_PHANDLE,
							   fdt32_ld(facts.interrupt_parent) };
		inherited[depth + 1] = parent;
		if (facts.interrupt_cells != NULL)
			inherited[depth + 1] =
				(struct controller_name){ PARENT_NODE, (uint32_t)node };
		add_found(blob, node, &facts, parent);
	}
}

/* --- where a device's interrupts go ---------------------------------------------------------- */

/* `interrupts`, or `interrupts-extended`, where each entry begins with its controller's phandle. */
struct entries {
	const fdt32_t *cell;
	uint32_t cells; /* left */
	bool extended;
	struct controller_name parent;
	const char *problem; /* why there are no more; NULL: all were read */
};

struct entry {
	struct found *controller;
	const fdt32_t *cell; /* as many as the controller's interrupt_cells */
};

static struct found *find_controller(struct controller_name name)
{
	for (uint32_t i = 0; i < found_count; i++)
		if ((name.by == PARENT_NODE && found[i].node == (int)name.value) ||
		    (name.by == PARENT_PHANDLE && name.value != 0 &&
		     found[i].phandle == name.value))
			return &found[i];
	return NULL;
}

static struct entries read_entries(const void *blob, const struct found *device)
{
	struct entries entries = { .parent = device->parent };
	int bytes;

	entries.cell = fdt_getprop(blob, device->node, "interrupts-extended", &bytes);
	entries.extended = entries.cell != NULL;
	if (!entries.extended)
		entries.cell = fdt_getprop(blob, device->node, "interrupts", &bytes);
	if (entries.cell != NULL)
		entries.cells = (uint32_t)bytes / 4;
	return entries;
}

static bool no_more(struct entries *entries, const char *problem)
{
	entries->cells = 0;
	entries->problem = problem;
	return false;
}

static bool next_entry(struct entries *entries, struct entry *entry)
{
	struct controller_name name = entries->parent;
	uint32_t cells;

	if (entries->cells == 0)
		return false;
	if (entries->extended) {
		name = (struct controller_name){ PARENT_PHANDLE, fdt32_ld(entries->cell) };
		entries->cell++;
		entries->cells--;
	}
	entry->controller = find_controller(name);
	if (entry->controller == NULL)
		return no_more(entries, "interrupt-parent names no controller that has a driver");
	cells = entry->controller->interrupt_cells;
	if (cells == 0 || cells > INTERRUPT_CELLS_MOST)
		return no_more(entries, "#interrupt-cells of interrupt-parent must be 1 to 8");
	if (cells > entries->cells)
		return no_more(entries, "the last entry lacks cells");
	entry->cell = entries->cell;
	entries->cell += cells;
	entries->cells -= cells;
	return true;
}

/* --- and their numbers ------------------------------------------------------------------------ */

static uint32_t irq_of(const char *name, uint32_t index, const struct entry *entry)
{
	const struct irq_chip *chip = entry->controller->chip;
	uint32_t cells[INTERRUPT_CELLS_MOST], line = 0;
	enum irq_trigger trigger = IRQ_LEVEL;

	if (chip == NULL) {
		pr_warn("%s: interrupt %" PRIu32 ": its controller does not work: not used\n", name,
			index);
		return 0;
	}
	for (uint32_t i = 0; i < entry->controller->interrupt_cells; i++)
		cells[i] = fdt32_ld(&entry->cell[i]);
	if (!chip->translate(cells, entry->controller->interrupt_cells, &line, &trigger) ||
	    line >= chip->lines) {
		pr_warn("%s: interrupt %" PRIu32 ": %s has no such line: not used\n", name, index,
			chip->name);
		return 0;
	}
	return irq_map(chip, line, trigger);
}

/* A controller may tell of interrupts that come by itself: it has no numbers yet. */
static void fill_irqs(const void *blob, const struct found *found_device, struct device *device)
{
	struct entries entries = read_entries(blob, found_device);
	struct entry entry;

	while (next_entry(&entries, &entry)) {
		if (device->irq_count == DEVICE_IRQS_MOST) {
			no_more(&entries, "too many; enlarge DEVICE_IRQS_MOST");
			break;
		}
		if (entry.controller != found_device)
			device->irqs[device->irq_count] =
				irq_of(device->name, device->irq_count, &entry);
		device->irq_count++;
	}
	if (entries.problem != NULL)
		pr_warn("%s: interrupts from number %" PRIu32 " on are not used: %s\n",
			device->name, device->irq_count, entries.problem);
}

/* --- calling the drivers ---------------------------------------------------------------------- */

static void fill_registers(const void *blob, struct device *device)
{
	uint64_t address;

	while (device->register_count < DEVICE_REGISTERS_MOST &&
	       blob_register_address_at(blob, device->node, device->register_count, &address) &&
	       address <= UINT32_MAX)
		device->registers[device->register_count++] = (phys_addr_t)address;
}

static void probe(const void *blob, struct found *found_device)
{
	struct device device = {
		.blob = blob,
		.node = found_device->node,
		.name = blob_node_path(blob, (uint32_t)found_device->node),
		.irq_chip = &found_device->chip,
	};

	found_device->probed = true;
	fill_registers(blob, &device);
	fill_irqs(blob, found_device, &device);
	found_device->driver->probe(&device);
}

/* Whether all controllers that it interrupts were probed; itself does not count. */
static bool is_ready(const void *blob, const struct found *device)
{
	struct entries entries = read_entries(blob, device);
	struct entry entry;

	while (next_entry(&entries, &entry))
		if (entry.controller != device && !entry.controller->probed &&
		    entry.controller->driver->stage == DRIVER_IRQCHIP)
			return false;
	return true;
}

/* Each after those that it interrupts. Those that are left wait for each other. */
static void probe_controllers(const void *blob)
{
	bool any;

	do {
		any = false;
		for (uint32_t i = 0; i < found_count; i++)
			if (found[i].driver->stage == DRIVER_IRQCHIP && !found[i].probed &&
			    is_ready(blob, &found[i])) {
				probe(blob, &found[i]);
				any = true;
			}
	} while (any);
	for (uint32_t i = 0; i < found_count; i++)
		if (found[i].driver->stage == DRIVER_IRQCHIP && !found[i].probed)
			pr_warn("%s: controllers that interrupt each other: not used; correct "
				"interrupt-parent\n",
				blob_node_path(blob, (uint32_t)found[i].node));
}

void devices_probe(const void *blob)
{
	find_devices(blob);
	probe_controllers(blob);
	for (enum driver_stage stage = DRIVER_TIMER; stage < DRIVER_STAGES; stage++)
		for (uint32_t i = 0; i < found_count; i++)
			if (found[i].driver->stage == stage)
				probe(blob, &found[i]);
}
