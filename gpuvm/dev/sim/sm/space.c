// SPDX-License-Identifier: MIT
/*
 * Address spaces lane by lane: g[] through the MMU, with its windows onto s[]
 * and l[], and l[] itself.
 *
 * Always true: a page in worker.small or worker.large was translated for the
 * address space and the windows of the launch that runs, and nobody held
 * dma_lock for writing since: what changes memory or drops a translation does.
 * It never covers a window's addresses.
 */
#include "gpuvm/base/bits.h"
#include "gpuvm/dev/sim/sm/core.h"
#include "gpuvm/dev/sim/sm/space.h"

#define WINDOW_LEN (1ull << 24)
#define VA_MASK 0xffffffffffull

static const struct page no_page = { .first = 1, .last = 0 };

static void space_forget(struct worker *wk)
{
	for (uint32_t i = 0; i < 1u << PAGES_SHIFT; i++)
		wk->small[i] = wk->large[i] = no_page;
	for (uint32_t i = 0; i < WIDE_SLOTS; i++)
		wk->wide[i] = no_page;
}

void space_hold(struct worker *wk)
{
	const struct sm_grid *g = &wk->launch->g;
	const struct mmu_vm *vm = &wk->ctx->vm;
	struct page_key key = {
		.inst = vm->inst, .pdb = vm->pdb, .limit = vm->limit,
		.target = vm->pdb_target | (vm->priv ? 1u << 31 : 0),
		.epoch = __atomic_load_n(&wk->sim->dma_epoch, __ATOMIC_RELAXED),
		.shared_window = g->shared_window, .local_window = g->local_window,
	};

	if (!(wk->sim->cfg.sm_opts & SM_OPT_PAGES) || memcmp(&key, &wk->key, sizeof(key)) != 0)
		space_forget(wk);
	wk->key = key;
}

static uint32_t type_len(uint32_t t)
{
	switch (t) {
	case SM20_U8: case SM20_S8: return 1;
	case SM20_U16: case SM20_S16: return 2;
	case SM20_B64: case SM20_U64: case SM20_S64: case SM20_F64: return 8;
	case SM20_B128: return 16;
	default: return 4;
	}
}

/* Keeps a page off a window that begins inside it. */
static void keep_off(struct page *p, uint64_t va, uint64_t window)
{
	uint64_t end = window + WINDOW_LEN - 1;

	if (p->last < window || p->first > end)
		return;
	if (va < window) {
		p->last = window - 1;
	} else {
		p->mem += end + 1 - p->first;
		p->first = end + 1;
	}
}

static enum fault_reason find(struct worker *wk, uint64_t va, bool write, struct page *out)
{
	const struct sm_grid *g = &wk->launch->g;
	uint64_t addr, back, run = 0, there;
	enum fault_reason r;
	uint32_t target;

	/* To the end of its page first; then from the page's beginning, if memory is there. */
	r = mmu_xlate_held(wk->sim, &wk->ctx->vm, va, 1u << 17, write, &target, &addr, &run);
	if (r != FAULT_NONE)
		return r;
	for (uint32_t shift = 17; shift >= 12; shift = shift == 17 ? 16 : shift - 4) {
		uint64_t first = align_down(va, 1ull << shift), at;

		back = va - first;
		if (mmu_xlate_held(wk->sim, &wk->ctx->vm, first, 1u << 17, write, &target, &at,
				   &there) != FAULT_NONE || at + back != addr || there <= back)
			continue;
		out->mem = mem_ptr(wk->sim, target, at, there, &run);
		if (!out->mem || run <= back)
			continue;
		run = run < 1ull << shift ? run : 1ull << shift;
		*out = (struct page){ first, first + run - 1, out->mem, write };
		keep_off(out, va, g->shared_window);
		keep_off(out, va, g->local_window);
		return FAULT_NONE;
	}
	return FAULT_PAGE_NOT_PRESENT;
}

static const struct page *page_of(struct worker *wk, uint64_t va, bool write,
				  enum fault_reason *why)
{
	const struct page *known = space_known(wk, va, write);
	struct page p, *slot;

	if (known)
		return known;
	*why = find(wk, va, write, &p);
	if (*why != FAULT_NONE)
		return NULL;
	slot = p.last - p.first > 0xfff ? &wk->large[va >> 17 & ((1u << PAGES_SHIFT) - 1)] :
					  &wk->small[va >> 12 & ((1u << PAGES_SHIFT) - 1)];
	*slot = p;
	return slot;
}

const struct page *space_page(struct worker *wk, uint64_t va, bool write)
{
	enum fault_reason why = FAULT_NONE;
	const struct page *p = page_of(wk, va, write, &why);

	if (!p)
		launch_fault(wk, why, va, write);
	return p;
}

void space_touch(struct worker *wk, uint64_t va, bool write)
{
	enum fault_reason why = FAULT_NONE;

	page_of(wk, va, write, &why);
}

static bool meets(uint64_t first, uint64_t last, uint64_t window)
{
	return first <= window + WINDOW_LEN - 1 && last >= window;
}

/* The page of len bytes at va if its memory is at mem and no window is in it. */
static bool follows(struct worker *wk, uint64_t va, uint64_t len, bool write, const uint8_t *mem)
{
	const struct sm_grid *g = &wk->launch->g;
	uint64_t addr, run = 0, have = 0;
	uint32_t target;

	if (meets(va, va + len - 1, g->shared_window) || meets(va, va + len - 1, g->local_window) ||
	    mmu_xlate_held(wk->sim, &wk->ctx->vm, va, len, write, &target, &addr, &run) !=
		    FAULT_NONE ||
	    run < len)
		return false;
	return mem_ptr(wk->sim, target, addr, len, &have) == mem && have >= len;
}

void space_widen(struct worker *wk, uint64_t va, bool write)
{
	uint64_t begin = align_down(va, 1ull << WIDE_SHIFT), end = begin + (1ull << WIDE_SHIFT), len;
	enum fault_reason why = FAULT_NONE;
	const struct page *p = page_of(wk, va, write, &why);
	struct page w;

	if (!p)
		return;
	w = *p;
	len = w.last - w.first + 1;
	/* Pages of one kind; what is left over is another wide page. */
	while (w.last + len < end && follows(wk, w.last + 1, len, write, w.mem + (w.last + 1 - w.first)))
		w.last += len;
	while (w.first >= begin + len && follows(wk, w.first - len, len, write, w.mem - len)) {
		w.first -= len;
		w.mem -= len;
	}
	wk->wide[va >> WIDE_SHIFT & (WIDE_SLOTS - 1)] = w;
}

static enum fault_reason move(struct worker *wk, uint64_t *va, uint8_t *buf, uint32_t len,
			      bool write)
{
	enum fault_reason why = FAULT_NONE;

	while (len) {
		const struct page *p = page_of(wk, *va, write, &why);
		uint32_t n = len;

		if (!p)
			return why;
		if (n > p->last - *va + 1)
			n = (uint32_t)(p->last - *va + 1);
		if (write)
			memcpy(p->mem + (*va - p->first), buf, n);
		else
			memcpy(buf, p->mem + (*va - p->first), n);
		*va += n;
		buf += n;
		len -= n;
	}
	return FAULT_NONE;
}

bool space_peek(struct worker *wk, uint64_t va, void *buf, uint32_t len)
{
	return move(wk, &va, buf, len, false) == FAULT_NONE;
}

bool space_rd(struct worker *wk, uint64_t va, void *buf, uint32_t len)
{
	enum fault_reason why = move(wk, &va, buf, len, false);

	if (why != FAULT_NONE)
		launch_fault(wk, why, va, false);
	return why == FAULT_NONE;
}

bool space_wr(struct worker *wk, uint64_t va, const void *buf, uint32_t len)
{
	/* move() does not touch buf when it writes memory. */
	enum fault_reason why = move(wk, &va, (uint8_t *)(uintptr_t)buf, len, true);

	if (why != FAULT_NONE)
		launch_fault(wk, why, va, true);
	return why == FAULT_NONE;
}

/* ---- one lane ----------------------------------------------------------------------------- */

/* Word or less of l[]; NULL: out of range. */
static uint8_t *local_at(const struct sm_grid *g, struct warp *w, uint32_t a, uint32_t lane)
{
	if (a >= g->local_pos) {
		if (a < WINDOW_LEN - g->local_neg)
			return NULL;
		a = g->local_pos + (a - (uint32_t)(WINDOW_LEN - g->local_neg));
	}
	return (uint8_t *)&w->local[a / 4 * LANES + lane] + (a & 3);
}

/* GLOBAL_BASE: the top 8 address bits are replaced, and access may be forbidden. */
static bool remap(const struct sm_grid *g, uint64_t *va, bool write)
{
	uint32_t r = g->remap[*va >> 32 & 0xff];

	*va = (uint64_t)(r & 0xff) << 32 | (uint32_t)*va;
	return r & (write ? SM_REMAP_WRITE : SM_REMAP_READ);
}

/* Up to 4 bytes (8: g[] only) at va as lane sees it; NULL after a fault or a trap. */
static uint8_t *lane_at(struct worker *wk, struct warp *w, const struct uop *u, uint64_t va,
			uint32_t lane, uint32_t len, bool write)
{
	const struct sm_grid *g = &wk->launch->g;
	const struct page *p;
	uint8_t *at;

	if (va - g->shared_window < WINDOW_LEN) {
		uint32_t a = (uint32_t)(va - g->shared_window);

		if (a + len <= g->shared_len)
			return w->cta->shared + a;
		launch_trap(wk, u, "s[] address out of range");
		return NULL;
	}
	if (va - g->local_window < WINDOW_LEN) {
		at = len > 4 ? NULL : local_at(g, w, (uint32_t)(va - g->local_window), lane);
		if (!at)
			launch_trap(wk, u, "l[] address out of range");
		return at;
	}
	if (!wk->launch->remap_identity && !remap(g, &va, write)) {
		launch_trap(wk, u, "g[] address in a closed window");
		return NULL;
	}
	p = space_page(wk, va, write);
	return p ? p->mem + (va - p->first) : NULL;
}

uint8_t *space_lane(struct worker *wk, struct warp *w, const struct uop *u, uint64_t va,
		    uint32_t lane, uint32_t len, bool write)
{
	if (va & (len - 1)) {
		launch_trap(wk, u, "misaligned g[] address");
		return NULL;
	}
	return lane_at(wk, w, u, va & VA_MASK, lane, len, write);
}

void space_addresses(const struct warp *w, const struct uop *u, uint64_t va[LANES])
{
	for (uint32_t i = 0; i < LANES; i++) {
		uint64_t a = w->r[u->row[0]][i];

		if (u->in.a64)
			va[i] = ((a | (uint64_t)w->r[u->row[0] + 1][i] << 32) +
				 (uint64_t)(int64_t)u->in.offset) & VA_MASK;
		else
			va[i] = (uint32_t)(a + (uint32_t)u->in.offset);
	}
}

static uint32_t extend(const uint8_t *p, uint32_t type)
{
	uint32_t v = 0;

	switch (type) {
	case SM20_U8: return *p;
	case SM20_S8: return (uint32_t)(int32_t)(int8_t)*p;
	case SM20_U16: memcpy(&v, p, 2); return v;
	case SM20_S16: memcpy(&v, p, 2); return (uint32_t)(int32_t)(int16_t)v;
	default: memcpy(&v, p, 4); return v;
	}
}

void space_load(struct worker *wk, struct warp *w, const struct uop *u, const uint64_t *va,
		uint32_t m)
{
	uint32_t len = type_len(u->in.dtype), step = len < 4 ? len : 4;

	for (; m; m &= m - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(m);

		if (va[i] & (len - 1)) {
			launch_trap(wk, u, "misaligned g[] address");
			return;
		}
		for (uint32_t j = 0; j < len; j += step) {
			const uint8_t *p = lane_at(wk, w, u, va[i] + j, i, step, false);

			if (!p)
				return;
			w->r[u->d + j / 4][i] = extend(p, u->in.dtype);
		}
	}
}

void space_store(struct worker *wk, struct warp *w, const struct uop *u, const uint64_t *va,
		 uint32_t m)
{
	uint32_t len = type_len(u->in.dtype), step = len < 4 ? len : 4;

	for (; m; m &= m - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(m);

		if (va[i] & (len - 1)) {
			launch_trap(wk, u, "misaligned g[] address");
			return;
		}
		for (uint32_t j = 0; j < len; j += step) {
			uint8_t *p = lane_at(wk, w, u, va[i] + j, i, step, true);

			if (!p)
				return;
			memcpy(p, &w->r[u->row[1] + j / 4][i], step);
		}
	}
}

void space_local(struct worker *wk, struct warp *w, const struct uop *u, const uint32_t *a,
		 uint32_t m, bool write)
{
	uint32_t len = type_len(u->in.dtype), step = len < 4 ? len : 4;

	for (; m; m &= m - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(m);

		for (uint32_t j = 0; j < len; j += step) {
			uint8_t *p = local_at(&wk->launch->g, w, a[i] + j, i);

			if (!p || a[i] & (len - 1)) {
				launch_trap(wk, u, p ? "misaligned l[] address" :
						       "l[] address out of range");
				return;
			}
			if (write)
				memcpy(p, &w->r[u->row[1] + j / 4][i], step);
			else
				w->r[u->d + j / 4][i] = extend(p, u->in.dtype);
		}
	}
}
