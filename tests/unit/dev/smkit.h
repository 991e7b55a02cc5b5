/* SPDX-License-Identifier: MIT */
/*
 * What tests of the shader cores share: a channel with the compute class, and
 * programs in the project's own assembler.  Always true: code lies at SK_CODE,
 * constants (c0) at SK_CB, a test's buffers from SK_BUF on, all as offsets of the
 * fifokit's data window; the program's r62 is no one's.
 */
#ifndef TESTS_UNIT_DEV_SMKIT_H
#define TESTS_UNIT_DEV_SMKIT_H

#include <stdio.h>
#include <stdlib.h>

#include "gpuvm/dev/sim/gr.h"
#include "gpuvm/fermi/sm20.h"
#include "tests/unit/dev/fifokit.h"

#define SK_CODE 0x10000ull
#define SK_CB 0x80000ull
#define SK_BUF 0x100000ull
#define SK_CP 1 /* subchannel of the compute class */

struct sk {
	struct fk k;
	struct fk_chan c;
	uint32_t entry; /* where the next program goes */
};

struct sk_grid {
	uint32_t grid[3], block[3]; /* 0 counts as 1 */
	uint32_t shared, local;
};

static inline void sk_cp(struct sk *s, uint32_t mthd, uint32_t v)
{
	fk_1(&s->c, SK_CP, mthd, v);
}

static inline void sk_bind(struct sk *s, uint32_t slot, uint64_t off, uint32_t len)
{
	uint64_t va = fk_data_va(off);

	sk_cp(s, 0x2380, len);
	sk_cp(s, 0x2384, hi32(va));
	sk_cp(s, 0x2388, lo32(va));
	sk_cp(s, 0x1694, slot << 8 | 1);
}

static inline void sk_open(struct sk *s, const char *options)
{
	*s = (struct sk){ .k = fk_open(options) };
	s->c = fk_chan(&s->k, 1);
	fk_object(&s->c, 0, ENGINE_GR, CLASS_3D_GF100);
	fk_object(&s->c, SK_CP, ENGINE_GR, CLASS_COMPUTE_GF100);
	sk_cp(s, 0x1608, hi32(fk_data_va(SK_CODE)));
	sk_cp(s, 0x160c, lo32(fk_data_va(SK_CODE)));
	sk_cp(s, 0x214, 0xfe000000);
	sk_cp(s, 0x77c, 0xff000000);
	sk_bind(s, 0, SK_CB, 0x1000);
}

/* What the device says from now on goes into a file, which is closed by sk_said(). */
static inline FILE *sk_listen(struct sk *s, struct log *l)
{
	*l = (struct log){ .out = tmpfile(), .level = LOG_WARN, .name = "sim" };
	assert_non_null(l->out);
	kit_sim(s->k.d)->dev.log = l;
	return l->out;
}

static inline bool sk_said(struct sk *s, FILE *f, const char *what)
{
	char text[2000];
	size_t n;

	kit_sim(s->k.d)->dev.log = NULL;
	rewind(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	return strstr(text, what);
}

static inline void sk_close(struct sk *s)
{
	fk_close(&s->k);
}

static inline void sk_wr(struct sk *s, uint64_t off, const void *p, size_t n)
{
	assert_int_equal(dev_vram_wr(s->k.d, hvram(fk_vram(FK_DATA + off)), p, n), 0);
}

static inline void sk_rd(struct sk *s, uint64_t off, void *p, size_t n)
{
	assert_int_equal(dev_vram_rd(s->k.d, hvram(fk_vram(FK_DATA + off)), p, n), 0);
}

/* Words of code behind what is there; the entry point. */
static inline uint32_t sk_words(struct sk *s, const uint64_t *code, size_t n)
{
	uint32_t entry = s->entry;

	sk_wr(s, SK_CODE + entry, code, n * 8);
	s->entry = (uint32_t)align_up(entry + n * 8, 64);
	return entry;
}

static inline uint32_t sk_program(struct sk *s, const char *text)
{
	static uint64_t code[8192];
	size_t n = ARRAY_SIZE(code);
	char msg[160] = "";

	if (sm20_assemble(text, s->entry, code, &n, msg, sizeof(msg)))
		fail_msg("assembler: %s", msg);
	return sk_words(s, code, n);
}

/* Constant word i of c0. */
static inline void sk_const(struct sk *s, uint32_t i, uint32_t v)
{
	sk_wr(s, SK_CB + 4 * i, &v, 4);
}

/* A buffer's address as constant words i and i + 1. */
static inline void sk_const_va(struct sk *s, uint32_t i, uint64_t off)
{
	sk_const(s, i, lo32(fk_data_va(off)));
	sk_const(s, i + 1, hi32(fk_data_va(off)));
}

static inline uint32_t sk_dim(uint32_t v)
{
	return v ? v : 1;
}

/* Queues a launch; fk_go() runs it. */
static inline void sk_launch(struct sk *s, uint32_t entry, const struct sk_grid *g)
{
	sk_cp(s, 0x1698, 1);
	sk_cp(s, 0x3b4, entry);
	sk_cp(s, 0x204, g->local);
	sk_cp(s, 0x208, 0);
	sk_cp(s, 0x24c, g->shared);
	sk_cp(s, 0x3ac, sk_dim(g->block[1]) << 16 | sk_dim(g->block[0]));
	sk_cp(s, 0x3b0, sk_dim(g->block[2]));
	sk_cp(s, 0x238, sk_dim(g->grid[1]) << 16 | sk_dim(g->grid[0]));
	sk_cp(s, 0x23c, sk_dim(g->grid[2]));
	sk_cp(s, 0x368, 0x1000);
}

static inline uint32_t sk_intr(struct sk *s)
{
	return dev_rd32(s->k.d, NV_PGRAPH_INTR);
}

/* Runs a program to its end and expects no complaint. */
static inline void sk_run(struct sk *s, uint32_t entry, const struct sk_grid *g)
{
	/* The push buffer may be used again: nothing is under way between runs. */
	if (s->c.at == s->c.start && s->c.at > FK_PUSH_LEN / 8)
		s->c.at = s->c.start = 0;
	sk_launch(s, entry, g);
	fk_go(&s->c);
	assert_int_equal(sk_intr(s), 0);
	assert_int_equal(dev_rd32(s->k.d, NV_PFIFO_MMU_FAULT_UNITS), 0);
	assert_true(fk_done(&s->c));
}

#endif
