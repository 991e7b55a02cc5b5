// SPDX-License-Identifier: MIT
#include "gpuvm/fermi/regs.h"

#include <errno.h>
#include <stdio.h>

const struct reg_row reg_rows[NR_REGS] = {
#define REG(name, offset, count, stride, access, what, source)                                     \
	{ #name, offset, count, stride, REG_##access, what, source },
#define SPACE(name, offset, length, what, source)
#include "gpuvm/fermi/regs.def"
};

const struct space_row space_rows[NR_SPACES] = {
#define REG(name, offset, count, stride, access, what, source)
#define SPACE(name, offset, length, what, source) { #name, offset, length, what, source },
#include "gpuvm/fermi/regs.def"
};

static int row_holds(const struct reg_row *r, uint32_t off, uint32_t *i)
{
	uint32_t d = off - r->offset;

	if (off < r->offset || d % r->stride || d / r->stride >= r->count)
		return 0;
	*i = d / r->stride;
	return 1;
}

enum reg_id reg_find(uint32_t off, uint32_t *i)
{
	int lo = 0, hi = NR_REGS - 1;

	/* The last row starting at or before off ... */
	while (lo < hi) {
		int mid = (lo + hi + 1) / 2;

		if (reg_rows[mid].offset <= off)
			lo = mid;
		else
			hi = mid - 1;
	}
	/* ... or, for interleaved arrays, one of those shortly before it. */
	for (int r = lo; r >= 0 && r > lo - 12; r--)
		if (row_holds(&reg_rows[r], off, i))
			return (enum reg_id)r;
	return NR_REGS;
}

enum space_id space_find(uint32_t off)
{
	for (int s = 0; s < NR_SPACES; s++)
		if (off >= space_rows[s].offset && off - space_rows[s].offset < space_rows[s].length)
			return (enum space_id)s;
	return NR_SPACES;
}

static int fail(char *msg, size_t n, const char *name, const char *why)
{
	snprintf(msg, n, "regs.def: %s: %s", name, why);
	return -EINVAL;
}

int regs_check(char *msg, size_t n)
{
	for (int r = 0; r < NR_REGS; r++) {
		const struct reg_row *a = &reg_rows[r];

		if (a->offset % 4 || a->stride % 4 || !a->count || !a->stride)
			return fail(msg, n, a->name, "not a dword array");
		if (r && a->offset <= reg_rows[r - 1].offset)
			return fail(msg, n, a->name, "not in order of offset");
		for (uint32_t k = 0; k < a->count; k++) {
			uint32_t i;

			if (reg_find(reg_at((enum reg_id)r, k), &i) != (enum reg_id)r || i != k)
				return fail(msg, n, a->name, "overlaps another row, or too far for lookup");
		}
	}
	for (int s = 1; s < NR_SPACES; s++)
		if (space_rows[s].offset < space_rows[s - 1].offset + space_rows[s - 1].length)
			return fail(msg, n, space_rows[s].name, "unit ranges overlap or are out of order");
	return 0;
}
