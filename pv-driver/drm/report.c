// SPDX-License-Identifier: MIT
/*
 * Does a program learn from memory that its work is done?  Mesa does: behind
 * every submission it has the GPU write a number into a buffer, and looks there
 * again and again, without a call that could tell it that the channel is dead.
 *
 * What is looked for: a release by the engine's QUERY_GET (method 1b0c of the
 * 3D and compute classes) or by the host's semaphore methods.
 */
#include "gpuvm/fermi/methods.h"
#include "pv-driver/drm/nvdrm.h"

#define QUERY_MODE 3u /* of QUERY_GET: 0 releases */

static bool releases(uint32_t mthd, uint32_t data)
{
	return (mthd == GR_QUERY_GET && !(data & QUERY_MODE)) ||
	       (mthd == HOST_SEM_TRIGGER && data & SEM_RELEASE);
}

/* The data word of a packet that goes to method `want`, or -1. */
static int64_t word_for(enum push_op op, uint32_t mthd, uint32_t count, uint32_t want)
{
	uint32_t k = (want - mthd) / 4;

	if (want < mthd)
		return -1;
	if (op == PUSH_ONEINC && k)
		return k == 1 && count > 1 ? 1 : -1;
	if (op == PUSH_NINC && k)
		return -1;
	return k < count ? (int64_t)k : -1;
}

bool nvdrm_reports(const uint32_t *p, uint32_t n)
{
	static const uint32_t wanted[] = { GR_QUERY_GET, HOST_SEM_TRIGGER };

	for (uint32_t i = 0; i < n; i++) {
		uint32_t h = p[i], count = h >> 16 & 0x1fff, mthd = (h & 0xfff) << 2;
		enum push_op op = (enum push_op)(h >> 29);

		if (op == PUSH_IMMD && releases(mthd, count))
			return true;
		if (op != PUSH_INC && op != PUSH_NINC && op != PUSH_ONEINC)
			continue;
		for (unsigned int k = 0; k < 2; k++) {
			int64_t at = word_for(op, mthd, count, wanted[k]);

			if (at >= 0 && at < n - i - 1 && releases(wanted[k], p[i + 1 + at]))
				return true;
		}
		if (count >= n - i)
			return false;
		i += count;
	}
	return false;
}
