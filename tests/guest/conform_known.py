# SPDX-License-Identifier: MIT
"""Conformance cases that are wrong for a known reason, by version of Mesa.  Each is {case: (what its complaint holds,
the reason)}: another complaint than this one is a failure, and so is none."""

# log1p, pow and their kin take c - poly by a multiply-add with a 32-bit immediate factor.
LOST_SIGN = "Mesa drops the negation of the addend of ffma with a 32-bit immediate (bits 8 and 9 of its code are 0)"

LOSERS = ("acosh_f32", "atanh_f32", "log1p_f32", "pow_f32", "powr_f32", "pown_f32", "rootn_f32")
MASKED = "Mesa drops the mask of the shift count of a 64-bit shift: no and with 63"
PACKED = "Mesa does not translate the packing of bytes or shorts into a word"
UNIT_ONLY = "Mesa's texture header says that coordinates are normalized (word 2, bit 31), whatever the sampler says"
PIXELS = ("read_rgba8", "read_rgba8ui", "read_rgba32ui", "read_rgba32i", "read_rgba32f", "read_clamped", "read_border",
          "read_float_coords", "read_linear", "read_scattered", "image_to_image")
COARSE = "Mesa emits one rcp64h or rsq64h without a step of refinement: 1e-6 relative error"
MERGED = "Mesa adds libclc's sums in another order: both steps of an argument's reduction become one dfma"

MESA_22_3 = {
    "class_f32": ("unknown nir_op fisfinite32", "Mesa does not translate isfinite"),
    "global_imin": ("words", "Mesa emits signed global atomic_min as unsigned: red.min.u32"),
    "global_imax": ("words", "Mesa emits signed global atomic_max as unsigned: red.max.u32"),
    "mul_hi_u64": ("words", "Mesa emits the low 64 bits of the product: imul + imad of the words, high word of lo * lo"),
    "popcount_u64": ("words", "Mesa counts the low word alone: one popc, the high word is loaded and not used"),
    "store_half": ("unknown nir_op f2f16", "Mesa does not translate a conversion to half"),
    "store_half_rtz": ("unknown nir_op f2f16", "Mesa does not translate a conversion to half"),
    "upsample_i16": ("unknown nir_op pack_32_2x16_split", "Mesa does not translate the packing of two shorts"),
    "break_outer": ("illegal instruction", "Mesa emits opcode 0 for a select of 8-bit values (the bool)"),
    "digit_counts": ("exit -11", "Mesa's compiler crashes, in the thread that makes the machine code"),
    "work_dim": ("exit -11", "Mesa's compiler crashes on get_work_dim"),
    "beyond_dimensions": ("exit -6", "Mesa panics on a dimension that is none"),
    "packed_struct": ("misaligned g[] address", "Mesa loads a packed struct's words whole: ld.b32 g[r0d+1]"),
    "async_copy": ("unknown nir_intrinsic_op scoped_barrier", "Mesa does not translate wait_group_events"),
    "async_copy_back": ("unknown nir_intrinsic_op scoped_barrier", "Mesa does not translate wait_group_events"),
    "async_strided": ("unknown nir_intrinsic_op scoped_barrier", "Mesa does not translate wait_group_events"),
    "tgamma_f32": ("20 ulps at worst", "libclc's way through lgamma and exp adds up to 20 ulps of the 16 allowed"),
    "local_32k": ("bad grid, block or memory size", "Mesa counts a group's local memory twice: 64 KiB of 48"),
    **{name: ("ulps at worst", LOST_SIGN) for name in LOSERS},
    **{name: (", the first at ", UNIT_ONLY) for name in PIXELS},
}
MESA_25_0 = {
    "class_f32": ("unknown nir_op fisnormal", "Mesa does not translate isnormal"),
    "mul_hi_u64": MESA_22_3["mul_hi_u64"],
    "popcount_u64": MESA_22_3["popcount_u64"],
    "shl_i64": ("words", MASKED),
    "sar_i64": ("words", MASKED),
    "shr_u64": ("words", MASKED),
    "store_half": ("unknown nir_op f2f16", "Mesa does not translate a conversion to half"),
    "store_half_rtz": ("unknown nir_op f2f16", "Mesa does not translate a conversion to half"),
    "upsample_i16": ("unknown nir_op pack_32_2x16_split", PACKED),
    "short_array": ("unknown nir_op pack_32_2x16_split", PACKED),
    "two_arrays": ("unknown nir_op pack_32_2x16_split", PACKED),
    "local_shorts": ("unknown nir_op unpack_32_2x16_split_y", PACKED),
    "short2_neg": ("unknown nir_op unpack_32_2x16_split_y", PACKED),
    "local_structs": ("only supported with 1 component", PACKED),
    "packed_struct": ("only supported with 1 component", PACKED),
    "uchar4_add": ("only supported with 1 component", PACKED),
    "bytes_of_u32": ("only supported with 1 component", PACKED),
    "break_outer": ("illegal instruction", "Mesa emits opcode 0 for a select of 8-bit values (the bool)"),
    "tgamma_f32": ("20 ulps at worst", MESA_22_3["tgamma_f32"][1]),
    "div_f64": ("floats", COARSE),
    "recip_f64": ("floats", COARSE),
    "sqrt_f64": ("floats", COARSE),
    "rsqrt_f64": ("floats", COARSE),
    "log_f64": ("ulps at worst", COARSE),
    "sin_f64": ("ulps at worst", MERGED),
    "exp_f64": ("10 ulps at worst", MERGED),
    "pow_f64": ("56 ulps at worst", MERGED),
    **{name: ("ulps at worst", LOST_SIGN) for name in LOSERS},
    **{name: (", the first at ", UNIT_ONLY) for name in PIXELS},
}


def known_faults(version):
    """For "22.3" and the like; a version that is not known has none."""
    return {"22.3": MESA_22_3, "25.0": MESA_25_0}.get(version, {})
