/* SPDX-License-Identifier: MIT */
/*
 * The simulated peripheral on the host: chip and driver as on the boards, but the chip reaches memory behind
 * the model of a cache that forgives nothing. Address lines that wrap, lists, errors, time that is up, and
 * that a driver which forgets a clean, an invalidate or a barrier is found out.
 */
#include "dma_harness.h"
#include "thread_double.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/barrier.h"
#include "arch/irqflags.h"
#include "drivers/dma/simdma.h"
#include "drivers/dma/simdma_engine.h"
#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/irq.h"
#include "mm/dma/options.h"
#include "mm/phys/dma_limit.h"

#define IRQ    16U
#define NEVER  UINT64_MAX
#define BUF    0x4000U
#define PIECES 4U
#define POOL   BOUNCE_POOL_LEAST

uint32_t double_device_barriers;

static struct simdma_engine engine;
static struct simdma simdma;
static struct dma_device device;
static uint8_t scratch[BUF], shadow[BUF];
static uint32_t random_state;

/* --- interrupts, one line, and the timer --------------------------------------------------------- */

static irq_handler handler;
static void *handler_data;
static bool pending;
static uint32_t interrupts, not_handled;
static uint64_t event_ns = NEVER;

int request_irq(uint32_t irq, irq_handler wanted, const char *name, void *data)
{
	assert_int_equal(irq, IRQ);
	assert_non_null(name);
	if (handler != NULL)
		return -EBUSY;
	handler = wanted;
	handler_data = data;
	return 0;
}

void free_irq(uint32_t irq, const void *data)
{
	assert_int_equal(irq, IRQ);
	assert_ptr_equal(data, handler_data);
	handler = NULL;
}

int raise_irq(uint32_t irq)
{
	assert_int_equal(irq, IRQ);
	pending = true;
	return 0;
}

uint64_t clock_ticks_at(uint64_t ns)
{
	return ns;
}

static void event_set(uint64_t ticks)
{
	event_ns = ticks;
}

static void event_off(void)
{
	event_ns = NEVER;
}

static const struct clock_event event = { "test-timer", event_set, event_off };

static bool timer_first; /* of two interrupts that wait */

/* The next thing that happens. False: nothing ever will. */
static bool turn(void)
{
	bool calls = handler != NULL && pending && !(timer_first && event_ns <= double_now_ns);

	if (!calls && event_ns == NEVER)
		return false;
	double_irq_flags = DOUBLE_IRQ_MASKED;
	if (calls) {
		pending = false;
		interrupts++;
		not_handled += handler(IRQ, handler_data) == IRQ_NONE;
	} else {
		double_now_ns = max_u64(double_now_ns, event_ns);
		callout_run_due();
	}
	double_irq_flags = 0;
	return true;
}

void complete(struct completion *completion)
{
	completion->done++;
}

void wait_for_completion(struct completion *completion)
{
	while (completion->done == 0)
		assert_true(turn());
	completion->done--;
}

/* --- the chip's way to memory -------------------------------------------------------------------- */

static uint32_t first_through; /* so many accesses go through, */
static uint32_t not_now;       /* and so many then find no window */

static enum simdma_access access_to(uint64_t phys, size_t bytes)
{
	assert_true(bytes != 0 && phys / PAGE_SIZE == (phys + bytes - 1) / PAGE_SIZE);
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	if (phys < RAM_BASE || phys >= RAM_BASE + RAM_BYTES)
		return SIMDMA_NOBODY_THERE;
	if (first_through != 0 || not_now == 0) {
		first_through -= first_through != 0;
		return SIMDMA_MOVED_ALL;
	}
	not_now--;
	return SIMDMA_NOT_NOW;
}

static enum simdma_access read_memory(uint64_t phys, void *to, size_t bytes)
{
	enum simdma_access access = access_to(phys, bytes);

	if (access == SIMDMA_MOVED_ALL)
		device_reads(phys, to, bytes);
	return access;
}

static enum simdma_access write_memory(uint64_t phys, const void *from, size_t bytes)
{
	enum simdma_access access = access_to(phys, bytes);

	if (access == SIMDMA_MOVED_ALL)
		device_writes(phys, from, bytes);
	return access;
}

static const struct simdma_memory memory = { read_memory, write_memory };

/* --- registers, looked at on their way ----------------------------------------------------------- */

static uint32_t barriers_before; /* when something else was written last */
static uint32_t starts_without_barrier;

static void write_looked_at(void *chip, uint32_t offset, uint32_t value)
{
	if (offset == SIMDMA_CONTROL && (value & SIMDMA_START) != 0)
		starts_without_barrier += double_device_barriers == barriers_before;
	else
		barriers_before = double_device_barriers;
	simdma_engine_write(chip, offset, value);
}

static const struct simdma_registers registers = { simdma_engine_read, write_looked_at, &engine };

/* --- a machine with it --------------------------------------------------------------------------- */

static void start(unsigned int lines, size_t pool_bytes)
{
	handler = NULL;
	pending = false;
	interrupts = not_handled = not_now = first_through = 0;
	starts_without_barrier = 0;
	callout_register_event(&event);
	dma_start();
	double_may_sleep = true;
	random_state = 12345;
	if (pool_bytes != 0)
		dma_pool_low(pool_bytes);
	dma_make_device(&device, 32, false);
	simdma_engine_start(&engine, &memory, RAM_BASE, lines, IRQ);
	assert_int_equal(simdma_attach(&simdma, &device, &registers, IRQ), 0);
	assert_int_equal(simdma.lines, lines);
	assert_int_equal(device.mask, DMA_BIT_MASK(lines));
}

static void stop(void)
{
	assert_int_equal(interrupts + simdma.late, simdma.ended);
	assert_int_equal(not_handled, 0);
	assert_int_equal(starts_without_barrier, 0);
	simdma_detach(&simdma);
	simdma_engine_stop(&engine);
	assert_int_equal(event_ns, NEVER);
	dma_check_idle(&device);
}

static uint32_t roll(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

/* Blocks of a zone that no pool has; two a zone. */
static struct page *block_in(enum zone_type zone, uint32_t number)
{
	static const uint64_t offsets[] = {
		[ZONE_DMA] = SZ_1M,
		[ZONE_NORMAL] = DMA_BYTES + SZ_1M,
		[ZONE_HIGHMEM] = DMA_BYTES + NORMAL_BYTES + SZ_1M,
	};

	return phys_to_page((phys_addr_t)(RAM_BASE + offsets[zone] + number * SZ_1M));
}

static uint8_t *data_of(const struct page *page)
{
	return harness_page_data(page);
}

static void fill(uint8_t *to, size_t bytes, uint32_t seed)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(i * 7 + (i >> 8) * 3 + seed);
}

/* --- address lines ------------------------------------------------------------------------------- */

/* The chip alone, by its registers, with bytes that no CPU has ever had. */
static void move_by_registers(uint32_t source, uint32_t destination, uint32_t bytes)
{
	simdma_engine_write(&engine, SIMDMA_SOURCE, source);
	simdma_engine_write(&engine, SIMDMA_DESTINATION, destination);
	simdma_engine_write(&engine, SIMDMA_LENGTH, bytes);
	simdma_engine_write(&engine, SIMDMA_CONTROL, SIMDMA_START);
	assert_int_equal(simdma_engine_read(&engine, SIMDMA_STATUS), SIMDMA_BUSY);
	while ((simdma_engine_read(&engine, SIMDMA_STATUS) & SIMDMA_BUSY) != 0)
		assert_true(turn());
}

static void missing_lines_wrap(void **state)
{
	(void)state;
	for (unsigned int lines = 13; lines <= 25; lines++) {
		uint32_t end = 1U << lines;

		start(lines, 0);
		fill(scratch, 300, lines);
		device_writes(RAM_BASE + 100, scratch, 300);
		/* One line too many, and all of them: the same byte. */
		move_by_registers(end + 100, (end - 1 - 299) | ~(end - 1), 300);
		device_reads(RAM_BASE + end - 300, shadow, 300);
		assert_memory_equal(shadow, scratch, 300);
		/* Across the end of the lines, from one byte to the next. */
		move_by_registers(100, end - 120, 300);
		device_reads(RAM_BASE + end - 120, shadow, 120);
		device_reads(RAM_BASE, shadow + 120, 180);
		assert_memory_equal(shadow, scratch, 100);
		assert_int_equal(simdma_engine_read(&engine, SIMDMA_STATUS), SIMDMA_DONE);
		assert_int_equal(simdma_engine_read(&engine, SIMDMA_MOVED), 300);
		assert_int_equal(interrupts, 0);
		simdma_detach(&simdma);
	}
}

/* With all lines nothing wraps: beyond RAM nobody answers. */
static void all_lines_do_not(void **state)
{
	(void)state;
	start(32, 0);
	fill(scratch, 300, 1);
	device_writes(RAM_BASE + RAM_BYTES - 300, scratch, 300);
	move_by_registers((uint32_t)RAM_BYTES - 300, 0, 400);
	assert_int_equal(simdma_engine_read(&engine, SIMDMA_STATUS), SIMDMA_BUS_ERROR);
	assert_int_equal(simdma_engine_read(&engine, SIMDMA_FAULT), RAM_BYTES);
	assert_int_equal(simdma_engine_read(&engine, SIMDMA_MOVED), 300);
	move_by_registers(0, 0xffffff00, 1);
	assert_int_equal(simdma_engine_read(&engine, SIMDMA_FAULT), 0xffffff00);
	simdma_engine_write(&engine, SIMDMA_STATUS, SIMDMA_BUS_ERROR);
	assert_int_equal(simdma_engine_read(&engine, SIMDMA_STATUS), 0);
	simdma_detach(&simdma);
}

/* A mask wider than the lines: a driver that tells the chip less than the truth. */
static void wrong_mask_corrupts(void **state)
{
	struct page *beyond = block_in(ZONE_NORMAL, 0), *near = block_in(ZONE_DMA, 0);
	uint64_t wrapped = page_to_phys(beyond) - DMA_BYTES;

	(void)state;
	start(24, 0);
	fill(data_of(near), 4096, 1);
	dma_options.unchecked = true;
	assert_int_equal(simdma_copy(&simdma, beyond, 0, near, 0, 4096, 0), 0);
	device_reads(wrapped, scratch, 4096);
	assert_memory_equal(scratch, data_of(near), 4096);
	assert_memory_not_equal(data_of(beyond), scratch, 4096);
	dma_options.unchecked = false;
	assert_int_equal(simdma_copy(&simdma, beyond, 0, near, 0, 4096, 0), -EFAULT);
	dma_expect_refusal(DMA_OUT_OF_REACH);
	assert_int_equal(device.live_mappings, 0);
	simdma_detach(&simdma);
}

/* --- copies --------------------------------------------------------------------------------------- */

/* Cut [at, at + bytes) of a block at random, at multiples of `grain`; how many pieces. */
static uint32_t cut(struct scatterlist *list, struct page *page, uint32_t at, uint32_t bytes,
		    uint32_t grain)
{
	uint32_t most = 1 + roll(PIECES), count = 0;

	while (bytes != 0) {
		uint32_t end = at + bytes, cut_at = ALIGN_UP(at + 1 + roll(bytes), grain);

		if (++count < most)
			end = (uint32_t)min_u64(end, cut_at);
		sg_set_page(list++, page + at / PAGE_SIZE, end - at, at % PAGE_SIZE);
		bytes -= end - at;
		at = end;
	}
	return count;
}

static void copy_at_random(void)
{
	struct page *from = block_in((enum zone_type)roll(3), 0);
	struct page *to = block_in((enum zone_type)roll(3), 1);
	uint32_t bytes = 1 + roll(BUF), from_at = roll(BUF - bytes + 1);
	uint32_t to_at = roll(BUF - bytes + 1), from_pieces, to_pieces;
	struct scatterlist source[PIECES], target[PIECES];

	fill(data_of(from), BUF, roll(256));
	fill(data_of(to), BUF, roll(256));
	memcpy(scratch, data_of(from), BUF);
	memcpy(shadow, data_of(to), BUF);
	memcpy(shadow + to_at, scratch + from_at, bytes);
	from_pieces = cut(source, from, from_at, bytes, 1);
	to_pieces = cut(target, to, to_at, bytes, CACHE_DOUBLE_LINE);
	not_now = roll(4) == 0 ? roll(5) : 0;
	assert_int_equal(simdma_copy_sg(&simdma, target, to_pieces, source, from_pieces, NS_PER_S),
			 0);
	assert_memory_equal(data_of(from), scratch, BUF);
	assert_memory_equal(data_of(to), shadow, BUF);
	cache_double_check();
}

static void copies(void **state)
{
	(void)state;
	for (unsigned int lines = 24; lines <= 32; lines += 8) {
		start(lines, POOL);
		for (uint32_t i = 0; i < 300; i++)
			copy_at_random();
		assert_int_equal(simdma.ended, 300);
		stop();
	}
}

/* --- errors ---------------------------------------------------------------------------------------- */

static void errors(void **state)
{
	struct simdma_request request = { .source = 16, .destination = 0xf0000000, .bytes = 300 };
	struct scatterlist two[2];

	(void)state;
	start(32, 0);
	simdma_submit(&simdma, &request);
	assert_int_equal(simdma_wait(&request), -EIO);
	assert_int_equal(request.fault, 0xf0000000);
	assert_int_equal(request.moved_bytes, 0);
	/* A list that is not there, and one with a hole. */
	request = (struct simdma_request){ .list = 0xe0000008, .count = 2 };
	simdma_submit(&simdma, &request);
	assert_int_equal(simdma_wait(&request), -EIO);
	assert_int_equal(request.fault, 0xe0000008);
	device_writes(RAM_BASE + 4096, &(struct simdma_descriptor){ 1024, 2048, 4, 0 }, 16);
	device_writes(RAM_BASE + 4112, &(struct simdma_descriptor){ 1024, 2048, 0, 0 }, 16);
	request = (struct simdma_request){ .list = 4096, .count = 2 };
	simdma_submit(&simdma, &request);
	assert_int_equal(simdma_wait(&request), -EINVAL);
	assert_int_equal(request.moved_bytes, 4);
	request = (struct simdma_request){ .bytes = 0 };
	simdma_submit(&simdma, &request);
	assert_int_equal(simdma_wait(&request), -EINVAL);
	/* What the driver itself does not take. */
	sg_set_page(&two[0], block_in(ZONE_DMA, 0), 10, 0);
	sg_set_page(&two[1], block_in(ZONE_DMA, 1), 11, 0);
	assert_int_equal(simdma_copy_sg(&simdma, &two[0], 1, &two[1], 1, 0), -EINVAL);
	two[1].length = 0;
	assert_int_equal(simdma_copy_sg(&simdma, &two[1], 1, &two[1], 1, 0), -EINVAL);
	assert_int_equal(simdma_copy_sg(&simdma, two, 0, two, 0, 0), -EINVAL);
	assert_int_equal(device.live_mappings, 0);
	assert_int_equal(interrupts, 4);
	assert_int_equal(not_handled, 0);
	simdma_detach(&simdma);
}

/* A descriptor that begins at the end of a page, for a chip that reads pages; and has no window for one. */
static void descriptor_across_pages(void **state)
{
	struct simdma_request request = { .list = 8192 - 11, .count = 1 };

	(void)state;
	start(32, 0);
	fill(scratch, 300, 9);
	device_writes(RAM_BASE + 1024, scratch, 300);
	device_writes(RAM_BASE + 8192 - 11, &(struct simdma_descriptor){ 1024, 2048, 300, 0 }, 16);
	for (uint32_t through = 0; through < 6; through++) {
		first_through = through;
		not_now = 2;
		simdma_submit(&simdma, &request);
		assert_int_equal(simdma_wait(&request), 0);
		assert_int_equal(request.moved_bytes, 300);
		device_reads(RAM_BASE + 2048, shadow, 300);
		assert_memory_equal(shadow, scratch, 300);
	}
	simdma_detach(&simdma);
}

static void no_such_chip(void **state)
{
	static const struct simdma_registers nothing = { simdma_engine_read, simdma_engine_write,
							 &engine };
	struct simdma other;

	(void)state;
	start(32, 0);
	assert_int_equal(simdma_attach(&other, &device, &nothing, IRQ), -EBUSY);
	simdma_detach(&simdma);
	engine.lines = 0;
	assert_int_equal(simdma_engine_read(&engine, 0x100), 0);
}

/* --- time ------------------------------------------------------------------------------------------ */

static uint32_t called;
static struct simdma_request *submit_again;

static void note_call(struct simdma_request *request)
{
	called++;
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	if (submit_again != NULL) {
		submit_again = NULL;
		simdma_submit(&simdma, request);
	}
}

/* The one that hangs is stopped, and the next one has its turn. */
static void time_is_up(void **state)
{
	struct simdma_request first = { .bytes = 64, .timeout_ns = 1000000, .done = note_call };
	struct simdma_request second = { .bytes = 32, .source = 128, .timeout_ns = 1000000 };
	uint64_t begin;

	(void)state;
	start(32, 0);
	called = 0;
	not_now = UINT32_MAX;
	begin = double_now_ns;
	simdma_submit(&simdma, &first);
	simdma_submit(&simdma, &second);
	while (called == 0)
		assert_true(turn());
	assert_int_equal(first.error, -ETIMEDOUT);
	assert_int_equal(double_now_ns - begin, 1000000);
	not_now = 0;
	assert_int_equal(simdma_wait(&second), 0);
	assert_int_equal(second.moved_bytes, 32);
	assert_int_equal(simdma.late, 1);
	assert_int_equal(simdma.ended, 2);
	assert_int_equal(interrupts, 1);
	assert_int_equal(event_ns, NEVER);
	simdma_detach(&simdma);
}

/* It ends, and before its interrupt is seen its time is up: it has ended. */
static void at_the_last_moment(void **state)
{
	struct simdma_request request = { .bytes = 64, .timeout_ns = SIMDMA_PIECE_NS };

	(void)state;
	start(32, 0);
	simdma_submit(&simdma, &request);
	/* Started after the time limit, so called after it when both are due at once: stop that. */
	callout_start(&simdma.timeout, double_now_ns + SIMDMA_PIECE_NS);
	timer_first = true;
	assert_int_equal(simdma_wait(&request), 0);
	timer_first = false;
	assert_int_equal(simdma.late, 0);
	assert_int_equal(interrupts, 1);
	simdma_detach(&simdma);
}

static void callbacks(void **state)
{
	struct simdma_request requests[3];

	(void)state;
	start(32, 0);
	called = 0;
	submit_again = &requests[0];
	for (uint32_t i = 0; i < 3; i++) {
		requests[i] = (struct simdma_request){ .bytes = 4, .done = note_call };
		simdma_submit(&simdma, &requests[i]);
	}
	while (turn())
		;
	assert_int_equal(called, 4);
	assert_int_equal(interrupts, 4);
	/* An interrupt that is not the chip's. */
	assert_int_equal(simdma_engine_read(&engine, SIMDMA_STATUS), 0);
	raise_irq(IRQ);
	assert_true(turn());
	assert_int_equal(not_handled, 1);
	double_irq_flags = DOUBLE_IRQ_MASKED;
	for (uint32_t i = 0; i < 3; i++)
		simdma_submit(&simdma, &requests[i]);
	simdma_detach(&simdma);
	double_irq_flags = 0;
	assert_int_equal(called, 7);
	assert_int_equal(requests[0].error, -ECANCELED);
	assert_false(turn());
	assert_int_equal(starts_without_barrier, 0);
}

/* --- drivers that forget ----------------------------------------------------------------------------- */

/* As simdma_copy would be without map and unmap. */
static void copy_unmapped(struct page *to, struct page *from, uint32_t bytes)
{
	struct simdma_request request = {
		.source = (dma_addr_t)(page_to_phys(from) - RAM_BASE),
		.destination = (dma_addr_t)(page_to_phys(to) - RAM_BASE),
		.bytes = bytes,
	};

	simdma_submit(&simdma, &request);
	assert_int_equal(simdma_wait(&request), 0);
}

static void forgotten_maintenance_is_seen(void **state)
{
	struct page *from = block_in(ZONE_DMA, 0), *to = block_in(ZONE_DMA, 1);
	dma_addr_t bus;

	(void)state;
	/* No clean of the source: it is stale in memory. */
	start(32, 0);
	fill(data_of(from), 256, 1);
	bus = dma_map_page(&device, to, 0, 256, DMA_FROM_DEVICE);
	copy_unmapped(to, from, 256);
	dma_unmap_page(&device, bus, 256, DMA_FROM_DEVICE);
	assert_int_equal(cache_missed_cleans, 4);
	assert_memory_not_equal(data_of(to), data_of(from), 256);
	simdma_detach(&simdma);
	/* No invalidate of the target: the CPU sees what it had. */
	start(32, 0);
	fill(data_of(from), 256, 1);
	bus = dma_map_page(&device, from, 0, 256, DMA_TO_DEVICE);
	copy_unmapped(to, from, 256);
	dma_unmap_page(&device, bus, 256, DMA_TO_DEVICE);
	assert_int_equal(cache_missed_invalidates(), 4);
	assert_int_equal(cache_missed_cleans, 0);
	simdma_detach(&simdma);
	/* No clean of the descriptors: the chip does not see what to do. */
	start(32, 0);
	*(struct simdma_descriptor *)data_of(from) = (struct simdma_descriptor){ 0, 64, 64, 0 };
	simdma_submit(&simdma,
		      &(struct simdma_request){ .list = (dma_addr_t)(page_to_phys(from) - RAM_BASE),
						.count = 1,
						.done = note_call });
	while (turn())
		;
	assert_true(cache_missed_cleans != 0);
	simdma_detach(&simdma);
}

/* page_in works before a test starts its own. */
static int make_machine(void **state)
{
	(void)state;
	dma_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_lines_wrap),
		cmocka_unit_test(all_lines_do_not),
		cmocka_unit_test(wrong_mask_corrupts),
		cmocka_unit_test(copies),
		cmocka_unit_test(errors),
		cmocka_unit_test(descriptor_across_pages),
		cmocka_unit_test(no_such_chip),
		cmocka_unit_test(time_is_up),
		cmocka_unit_test(at_the_last_moment),
		cmocka_unit_test(callbacks),
		cmocka_unit_test(forgotten_maintenance_is_seen),
	};

	return cmocka_run_group_tests(tests, make_machine, NULL);
}
