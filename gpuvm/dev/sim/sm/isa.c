// SPDX-License-Identifier: MIT
/* The builds of lanes_*.c, by vector extension.  Every build gives the same results. */
#include "gpuvm/dev/sim/sm/isa.h"

#include "gpuvm/base/bits.h"

typedef uop_fn (*select_fn)(const struct sm20_insn *);

#define BUILD(isa)                                                                                 \
	extern uop_fn fast_select_##isa(const struct sm20_insn *),                                 \
		add_select_##isa(const struct sm20_insn *),                                  \
		int_select_##isa(const struct sm20_insn *),                                        \
		float_select_##isa(const struct sm20_insn *),                                      \
		double_select_##isa(const struct sm20_insn *),                                     \
		cvt_select_##isa(const struct sm20_insn *),                                        \
		mem_select_##isa(const struct sm20_insn *);                                        \
	extern void op_add_pair_##isa(struct gang *, const struct uop *);

BUILD(plain)
BUILD(avx2)
BUILD(avx512)

#define ROW(isa)                                                                                   \
	{                                                                                          \
		add_select_##isa, int_select_##isa, float_select_##isa, double_select_##isa,       \
			cvt_select_##isa, mem_select_##isa                                         \
	}

static const select_fn select_table[SM_ISA_COUNT][6] = {
	[SM_ISA_PLAIN] = ROW(plain),
	[SM_ISA_AVX2] = ROW(avx2),
	[SM_ISA_AVX512] = ROW(avx512),
	[SM_ISA_FAST] = ROW(avx512),
};

enum sm_isa sm_isa_best(uint32_t opts)
{
	__builtin_cpu_init();
	if (opts & SM_OPT_AVX512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		return opts & SM_OPT_FAST ? SM_ISA_FAST : SM_ISA_AVX512;
	if (opts & SM_OPT_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return SM_ISA_AVX2;
	return SM_ISA_PLAIN;
}

uop_fn lanes_add_pair(enum sm_isa isa)
{
	static const uop_fn pair[SM_ISA_COUNT] = {
		[SM_ISA_PLAIN] = op_add_pair_plain,
		[SM_ISA_AVX2] = op_add_pair_avx2,
		[SM_ISA_AVX512] = op_add_pair_avx512,
		[SM_ISA_FAST] = op_add_pair_avx512,
	};

	return pair[isa];
}

uop_fn lanes_select(enum sm_isa isa, const struct sm20_insn *in)
{
	uop_fn quick = isa == SM_ISA_FAST ? fast_select_avx512(in) : NULL;

	if (quick)
		return quick;
	for (size_t i = 0; i < ARRAY_SIZE(select_table[isa]); i++) {
		uop_fn fn = select_table[isa][i](in);

		if (fn)
			return fn;
	}
	return NULL;
}
