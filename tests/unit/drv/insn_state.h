/* SPDX-License-Identifier: MIT */
/*
 * A thread's state as a signal handler sees it: saved, put back, made random,
 * and its vector registers as one flat image.  Written independently of
 * pv-driver/insn_vec.c, which it checks.
 */
#ifndef TESTS_UNIT_DRV_INSN_STATE_H
#define TESTS_UNIT_DRV_INSN_STATE_H

#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define XS_MAX 8192u

struct state {
	ucontext_t uc;
	__attribute__((aligned(64))) uint8_t fp[XS_MAX];
};

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;
static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static void rng_fill(void *p, size_t n)
{
	uint8_t *b = p;

	while (n--)
		*b++ = (uint8_t)(rng() >> 24);
}

static size_t fp_len(const uint8_t *fp)
{
	struct _fpx_sw_bytes sw;

	memcpy(&sw, fp + 512 - sizeof sw, sizeof sw);
	return sw.magic1 == 0x46505853u ? sw.extended_size : 512;
}

static uint64_t fp_features(const uint8_t *fp)
{
	struct _fpx_sw_bytes sw;

	memcpy(&sw, fp + 512 - sizeof sw, sizeof sw);
	return sw.magic1 == 0x46505853u ? sw.xstate_bv : 3;
}

static void state_save(struct state *s, const ucontext_t *uc)
{
	const uint8_t *fp = (const uint8_t *)uc->uc_mcontext.fpregs;

	memcpy(&s->uc, uc, sizeof s->uc);
	if (fp_len(fp) > sizeof s->fp)
		abort();
	memcpy(s->fp, fp, fp_len(fp));
	s->uc.uc_mcontext.fpregs = (fpregset_t)s->fp;
}

static void state_restore(const struct state *s, ucontext_t *uc)
{
	memcpy(uc->uc_mcontext.gregs, s->uc.uc_mcontext.gregs, sizeof(gregset_t));
	memcpy(uc->uc_mcontext.fpregs, s->fp, fp_len(s->fp));
}

static uint32_t comp_offset(unsigned int comp)
{
	uint32_t a, b, c, d;

	__cpuid_count(0xd, comp, a, b, c, d);
	return b;
}

static const struct {
	unsigned int comp, len;
} comps[] = { { 2, 256 }, { 5, 64 }, { 6, 512 }, { 7, 1024 } };

/* Vector registers as one flat image: absent components read as zeroes. */
static size_t vec_image(const uint8_t *fp, uint8_t *out)
{
	uint64_t bv = 3;
	size_t at = 256;

	memcpy(out, fp + 160, 256);
	if (fp_len(fp) > 512)
		memcpy(&bv, fp + 512, 8);
	for (size_t i = 0; i < 4; i++) {
		if (!(fp_features(fp) >> comps[i].comp & 1))
			continue;
		memset(out + at, 0, comps[i].len);
		if (bv >> comps[i].comp & 1)
			memcpy(out + at, fp + comp_offset(comps[i].comp), comps[i].len);
		at += comps[i].len;
	}
	return at;
}

/* Odd rounds leave the upper parts absent, so that both ways of storing zero are met. */
static void vec_randomise(uint8_t *fp, unsigned int round)
{
	uint64_t bv;

	rng_fill(fp + 160, 256);
	if (fp_len(fp) <= 512)
		return;
	memcpy(&bv, fp + 512, 8);
	bv |= 2;
	for (size_t i = 0; i < 4; i++) {
		if (!(fp_features(fp) >> comps[i].comp & 1))
			continue;
		bv &= ~(1ull << comps[i].comp);
		if (round & 1)
			continue;
		rng_fill(fp + comp_offset(comps[i].comp), comps[i].len);
		bv |= 1ull << comps[i].comp;
	}
	memcpy(fp + 512, &bv, 8);
}

#endif
