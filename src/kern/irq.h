/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: a number for each line that somebody asked about, whatever controller it comes in by.
 *
 *	irq = device->irqs[0];                       (kern/driver.h)
 *	error = request_irq(irq, handler, "pl011", uart);
 *
 * Numbers begin at IRQ_FIRST and are given out in the order of asking, as Linux gives out its own;
 * `interrupts` at the console shows which hardware line each is. 0 is no interrupt.
 *
 * A handler runs on this core's interrupt stack with interrupts masked; handlers do not nest. It may
 * allocate with GFP_ATOMIC, wake threads, start callouts, and may not wait for anything. It says
 * whether the interrupt was its own: one that nobody owns is counted, and masked when IRQ_UNHANDLED_MOST
 * of them come in a row, for a level that nobody lowers would be all that the core does.
 */
#ifndef STRATA_KERN_IRQ_H
#define STRATA_KERN_IRQ_H

#include "lib/types.h"

#define IRQ_FIRST          16U  /* as Linux, whose first 16 are an old PC's */
#define IRQ_END            128U /* numbers are below it; they must fit irq_chip's bytes */
#define IRQ_UNHANDLED_MOST 1000U

enum irq_return { IRQ_NONE, IRQ_HANDLED };

typedef enum irq_return (*irq_handler)(uint32_t irq, void *data);

enum irq_trigger { IRQ_EDGE, IRQ_LEVEL };

/*
 * An interrupt controller, as its driver describes it. The functions are called with interrupts
 * masked. The struct and what it points to live for ever.
 */
struct irq_chip {
	const char *name; /* as Linux prints it: "GIC-0" */
	uint32_t lines;
	uint8_t *
		irqs; /* by hardware line: its number, 0 while nobody asked; `lines` of them, zero at first */
	/* A line that hardware cannot mask may do nothing here: what comes while it is disabled is kept. */
	void (*mask)(uint32_t line);
	void (*unmask)(uint32_t line);
	/* NULL where the hardware cannot be told. */
	void (*set_trigger)(uint32_t line, enum irq_trigger trigger);
	/* Raise an edge line as if the hardware had, to the core that calls; NULL where none can be. */
	void (*raise)(uint32_t line);
	/*
	 * What an `interrupts` entry of the device tree says: cells as the tree has them, in the host's byte
	 * order. False: no line of this controller.
	 */
	bool (*translate)(const uint32_t *cells, uint32_t count, uint32_t *line,
			  enum irq_trigger *trigger);
};

/* --- for devices ------------------------------------------------------------------------------ */

/*
 * From now on `handler` is called for each interrupt with that number, and the line is unmasked.
 * One handler a number. -EINVAL: there is no such number; -EBUSY: somebody has it. `name` and
 * `data` must live until free_irq.
 */
int request_irq(uint32_t irq, irq_handler handler, const char *name, void *data);

/* Mask the line and forget the handler; it is not running any more on return. `data` as requested. */
void free_irq(uint32_t irq, const void *data);

/*
 * Mask and unmask; they nest. Unbalanced ones are told and ignored. May be called from the handler.
 * What comes in between is delivered afterwards, once. A line that was masked because nobody owned
 * what came is tried again by enable_irq after disable_irq.
 */
void disable_irq(uint32_t irq);
void enable_irq(uint32_t irq);

/*
 * Software's own lines: SOFTWARE_IRQS numbers to be requested as any other; 0: no controller has them. 0 to
 * 3 are for self-tests and benchmarks, 4 for the simulated DMA peripheral, 5 for that of its self-tests.
 */
#define SOFTWARE_IRQS 6U
uint32_t software_irq(uint32_t number);

/* Interrupt the core that calls, at once or when it unmasks. -EINVAL: the line is not software's. */
int raise_irq(uint32_t irq);

/* --- for controllers -------------------------------------------------------------------------- */

/*
 * A controller that interrupts the core itself: `handle` asks the hardware which lines are raised and
 * calls irq_handle_line for each. The first one stays; false for the others.
 */
bool irq_set_root(void (*handle)(void));

/* The number of a line, given out at the first asking; 0: all numbers are given out. */
uint32_t irq_map(const struct irq_chip *chip, uint32_t line, enum irq_trigger trigger);

/* Lines first to first + SOFTWARE_IRQS - 1 are software's. */
void irq_set_software(const struct irq_chip *chip, uint32_t first);

/* The hardware says that the line is raised. Interrupts masked, on the interrupt stack. */
void irq_handle_line(const struct irq_chip *chip, uint32_t line);

/* From the vector: ask the root controller. Interrupts masked, on the interrupt stack. */
extern void (*irq_root_handle)(void); /* irq_set_root's; never NULL */

static inline void irq_dispatch(void)
{
	irq_root_handle();
}

/* The hardware said that there is an interrupt, and then that there is none. */
void irq_note_spurious(void);

/* --- for people ------------------------------------------------------------------------------- */

struct irq_snapshot {
	uint32_t irq;
	const char *chip;
	uint32_t line;
	enum irq_trigger trigger;
	const char *name; /* of who requested it; NULL: nobody */
	bool masked;      /* by disable_irq, or as nobody owned what came */
	bool stormed;     /* the latter */
	uint32_t count;
	uint32_t unhandled;
};

/* The first number at or above irq that is given out; false: there are no more. */
bool irq_snapshot(uint32_t irq, struct irq_snapshot *snapshot);
uint32_t irq_spurious_count(void);

/* One line in the log for each line that was masked because nobody owned what came. Not in handlers. */
void irq_report_storms(void);

#endif
