/* SPDX-License-Identifier: MIT */
/*
 * One frame, one kind of memory: mapped twice with attributes that disagree, what one writes the
 * other may not see (ARM DDI 0406C A3.5.7). Looked for where it can happen, which is rare and may
 * take long; ordinary vmalloc takes pages that nobody else has.
 *
 * Two cores that map the same frames differently at the same moment may both miss each other.
 */
#include "mm/virt/vmap_area.h"

static bool has_frame_of(const struct vmap_frames *frames, const struct mapping *piece,
			 phys_addr_t *phys)
{
	uint64_t piece_end = (uint64_t)piece->phys + piece->bytes;

	if (piece->phys >= frames->end || piece_end <= frames->phys)
		return false;
	if (frames->pages == NULL) {
		*phys = (phys_addr_t)max_u64(piece->phys, frames->phys);
		return true;
	}
	for (unsigned int i = 0; i < frames->count; i++) {
		*phys = page_to_phys(frames->pages[i]);
		if (*phys >= piece->phys && *phys < piece_end)
			return true;
	}
	return false;
}

bool vmap_frames_conflict(const struct vmap_frames *frames)
{
	const struct vmap_request *request = frames->request;
	struct vmalloc_misuse misuse = vmap_misuse_of(request, VMALLOC_CONFLICT);
	struct mapping piece;
	uintptr_t at = 0;

	while (vmap_area_step(&at, request->memory, &piece, &misuse.other_kind)) {
		if (piece.bytes == 0 || !has_frame_of(frames, &piece, &misuse.phys))
			continue;
		misuse.other_start = piece.virt;
		misuse.other_bytes = piece.bytes;
		misuse.other_memory = piece.kind;
		vmap_tell(&misuse);
		return true;
	}
	return false;
}
