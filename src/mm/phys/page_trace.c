/* SPDX-License-Identifier: MIT */
#include "mm/phys/page_trace.h"

#include "arch/irqflags.h"
#include "mm/phys/page_alloc.h"

#define TRACE_ORDER  (PAGE_ORDER_MAX < 8 ? PAGE_ORDER_MAX : 8) /* 1 MiB */
#define TRACE_EVENTS ((PAGE_SIZE << TRACE_ORDER) / sizeof(struct trace_event))

static struct trace_event *events;
static uint32_t event_count, left_out_count;

bool page_trace_start(void)
{
	if (events == NULL)
		events = (struct trace_event *)__get_free_pages(GFP_KERNEL | __GFP_NOWARN,
								TRACE_ORDER);
	event_count = left_out_count = 0;
	return events != NULL;
}

void page_trace_forget(void)
{
	free_pages((uintptr_t)events, TRACE_ORDER);
	events = NULL;
	event_count = left_out_count = 0;
}

void page_trace_note(enum trace_kind kind, uint32_t pfn, unsigned int order, gfp_t gfp)
{
	uint32_t irq = local_irq_save();

	if (event_count < TRACE_EVENTS)
		events[event_count++] = (struct trace_event){
			.pfn = pfn, .order = order, .kind = kind, .gfp = gfp
		};
	else
		left_out_count++;
	local_irq_restore(irq);
}

const struct trace_event *page_trace_events(uint32_t *count, uint32_t *left_out)
{
	*count = event_count;
	*left_out = left_out_count;
	return events;
}
