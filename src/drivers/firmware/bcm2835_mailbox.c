/* SPDX-License-Identifier: MIT */
/*
 * One question to the Raspberry Pi's video core: which memory it leaves to us. Property channel of
 * the BCM283x mailbox, polled, once, at probe; everything else that it can be asked is left out.
 */
#include "arch/barrier.h"
#include "arch/cpu.h"
#include "arch/linear.h"
#include "kern/driver.h"
#include "kern/firmware.h"
#include "kern/log.h"
#include "mm/virt/fixmap.h"

#define MAIL_READ         0x00 /* from the video core */
#define MAIL_STATUS       0x18
#define MAIL_WRITE        0x20 /* to the video core */
#define MAIL_WRITE_STATUS 0x38
#define STATUS_FULL       0x80000000U
#define STATUS_EMPTY      0x40000000U

#define CHANNEL_PROPERTY  8U
#define CHANNEL_MASK      15U
#define TAG_ARM_MEMORY    0x00010005U
#define ANSWER_OK         0x80000000U

/* Where the video core sees RAM past its own cache, which nobody would clean for us. */
#define BUS_UNCACHED 0xc0000000U

#define POLLS_MAX    1000000

/* A whole cache line, so that nothing else is written back with it or lost with it. */
static struct {
	uint32_t bytes;
	uint32_t code;
	uint32_t tag;
	uint32_t value_bytes;
	uint32_t value_code;
	uint32_t base;
	uint32_t size;
	uint32_t end_tag;
} question __attribute__((aligned(64)));

static bool wait_until_clear(volatile uint32_t *status, uint32_t bit)
{
	for (int polls = 0; polls < POLLS_MAX; polls++)
		if ((*status & bit) == 0)
			return true;
	return false;
}

/* False: no answer. One to somebody else's question is dropped. */
static bool exchange(volatile char *registers, uint32_t message)
{
	if (!wait_until_clear((volatile uint32_t *)(registers + MAIL_WRITE_STATUS), STATUS_FULL))
		return false;
	*(volatile uint32_t *)(registers + MAIL_WRITE) = message;
	for (int answers = 0; answers < 16; answers++) {
		if (!wait_until_clear((volatile uint32_t *)(registers + MAIL_STATUS), STATUS_EMPTY))
			return false;
		if (*(volatile uint32_t *)(registers + MAIL_READ) == message)
			return true;
	}
	return false;
}

/* The line leaves the cache before the video core looks, and again before we do. */
static bool ask_memory(volatile char *registers)
{
	uint32_t bus = (uint32_t)virt_to_phys(&question) | BUS_UNCACHED;
	bool answered;

	question.bytes = sizeof(question);
	question.tag = TAG_ARM_MEMORY;
	question.value_bytes = 2 * sizeof(uint32_t);
	cpu_clean_and_drop_line(&question);
	device_barrier();
	answered = exchange(registers, bus | CHANNEL_PROPERTY);
	device_barrier();
	cpu_clean_and_drop_line(&question);
	return answered && question.code == ANSWER_OK && (question.value_code & ANSWER_OK) != 0;
}

static void mailbox_probe(const struct device *device)
{
	bool answered;

	if (device->register_count == 0 ||
	    (device->registers[0] & (PAGE_SIZE - 1)) > PAGE_SIZE - 0x40)
		return;
	answered = ask_memory(fixmap_open(FIX_PROBE, device->registers[0]));
	fixmap_close(FIX_PROBE);
	if (!answered) {
		pr_warn("%s: the firmware does not say which memory is ours\n", device->name);
		return;
	}
	firmware_memory.known = true;
	firmware_memory.base = question.base;
	firmware_memory.bytes = question.size;
	firmware_memory.speaks_below = 0x40000000; /* the video core's own reach */
}

static const char *const mailbox_compatible[] = { "brcm,bcm2835-mbox", NULL };

DRIVER(bcm2835_mailbox, mailbox_compatible, mailbox_probe);
