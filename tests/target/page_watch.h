/* SPDX-License-Identifier: MIT */
/* What the tests of the suite `pages` share: the state around a test, patterns, Linux's rules. */
#ifndef STRATA_TESTS_TARGET_PAGE_WATCH_H
#define STRATA_TESTS_TARGET_PAGE_WATCH_H

#include "mm/phys/page_alloc.h"
#include "mm/phys/page_check.h"
#include "mm/phys/zone.h"

#define PAGE_WORDS (PAGE_SIZE / 4)

/* Every test stands between these two: the second one expects the state that the first one found,
 * and no misuse that was not expected. Magazines are empty after each. */
void begin(void);
void end(void);

/* Nothing is refused on purpose in between. */
void pause_failing(void);
void resume_failing(void);

/* Counts a zone and free blocks an order, once magazines are empty; what differs is printed. */
bool state_is_as_before(void);

/* page_check, with its sentence printed. */
bool pages_are_sound(struct page_check_result *result);

/* The last misuse, or refusal, to the hook that was there before begin(). */
void tell_as_usual(void);
void tell_refusal_as_usual(void);

/* What the hooks were told since begin() or since somebody set these to 0. */
extern unsigned int misuses, refusals;
extern struct page_misuse last_misuse;
extern struct page_refusal last_refusal;

/*
 * Some words of a page, the first and the last among them, hold what depends on frame, place and
 * seed. Through the linear address, or a window that is closed again.
 */
extern uint32_t pattern_seed;
uint32_t pattern_word(uint32_t pfn, uint32_t place);
void write_page(struct page *page);
bool page_is_as_written(struct page *page);
void write_block(struct page *head, unsigned int order);
bool block_is_as_written(struct page *head, unsigned int order);

bool page_is_all(struct page *page, uint32_t value);

/* Linux's rule: how many pages of a zone a request must leave, in the end. */
enum zone_type class_zone_of(gfp_t gfp);
uint32_t floor_of(const struct zone_snapshot *zone, gfp_t gfp);

/*
 * Where a single page comes from when magazines are empty: the highest zone that stays above low,
 * else the highest that stays above its floor; -1: nowhere.
 */
int expected_zone(enum zone_type highest, gfp_t gfp);

/* One of each row of the table in gfp.h, and some with modifiers. */
#define REQUEST_KINDS 12
extern const gfp_t request_kinds[REQUEST_KINDS];

#endif
