/* SPDX-License-Identifier: MIT */
/*
 * Push buffer headers, host methods, object classes and the methods of M2MF
 * and of the copy engines.
 * Sources: include/nvhw/class/cl906f.h, docs/hw/fifo/puller.rst,
 * rnndb/graph/gf100_m2mf.xml, nvkm/engine/ce/fuc/com.fuc (the copy classes'
 * layout is nouveau's own microcode's).
 */
#ifndef GPUVM_FERMI_METHODS_H
#define GPUVM_FERMI_METHODS_H

#include <stdint.h>

#include "gpuvm/base/bits.h"

/* Header: 31-29 operation, 28-16 count or immediate, 15-13 subchannel, 11-0 method >> 2. */
enum push_op {
	PUSH_GRP0 = 0,	/* count 0 and sub-operation 0: NOP padding */
	PUSH_INC = 1,
	PUSH_GRP2 = 2,
	PUSH_NINC = 3,
	PUSH_IMMD = 4,
	PUSH_ONEINC = 5,
	PUSH_END = 7,	/* ends the segment */
};

static inline uint32_t push_op(uint32_t h)
{
	return h >> 29;
}
static inline uint32_t push_count(uint32_t h)
{
	return (h >> 16) & 0x1fff;
}
static inline uint32_t push_subc(uint32_t h)
{
	return (h >> 13) & 7;
}
static inline uint32_t push_method(uint32_t h)
{
	return (h & 0xfff) << 2;
}
static inline uint32_t push_header(enum push_op op, uint32_t subc, uint32_t mthd, uint32_t count)
{
	return (uint32_t)op << 29 | (count & 0x1fff) << 16 | (subc & 7) << 13 | ((mthd >> 2) & 0xfff);
}

/*
 * Forms of operations 0 and 2, bits 16-17: the older packets (count 18-28, byte
 * method 2-12) and the subdevice mask, bits 4-15 [include/nvhw/class/cl906f.h].
 */
enum push_form { PUSH_FORM_OLD = 0, PUSH_SUBDEV_SET = 1, PUSH_SUBDEV_STORE = 2, PUSH_SUBDEV_USE = 3 };
static inline uint32_t push_form(uint32_t h)
{
	return (h >> 16) & 3;
}
static inline uint32_t push_old_count(uint32_t h)
{
	return (h >> 18) & 0x7ff;
}
static inline uint32_t push_old_method(uint32_t h)
{
	return h & 0x1ffc;
}
static inline uint32_t push_subdev_mask(uint32_t h)
{
	return (h >> 4) & 0xfff;
}

/* Classes of chipset 0xc0. */
#define CLASS_CHANNEL_GF100 0x906f
#define CLASS_2D_GF100 0x902d
#define CLASS_M2MF_GF100 0x9039
#define CLASS_3D_GF100 0x9097
#define CLASS_COMPUTE_GF100 0x90c0
#define CLASS_COPY0_GF100 0x90b5	/* CE0 */
#define CLASS_COPY1_GF100 0x90b8	/* CE1 */

/* Host methods (below 0x100). */
#define HOST_SET_OBJECT 0x00	/* class 0-15, engine 16-20 */
#define HOST_NOP 0x08
#define HOST_SEM_ADDR_HI 0x10
#define HOST_SEM_ADDR_LO 0x14
#define HOST_SEM_PAYLOAD 0x18
#define HOST_SEM_TRIGGER 0x1c
#define HOST_NONSTALL_INTR 0x20
#define HOST_WRCACHE_FLUSH 0x24
#define HOST_REF_CNT 0x50
#define HOST_YIELD 0x80
/* Trigger: operation 0-3, then options. */
#define SEM_ACQUIRE_EQ 1u
#define SEM_RELEASE 2u
#define SEM_ACQUIRE_GE 4u	/* signed difference */
#define SEM_ACQUIRE_AND 8u
#define SEM_SWITCH (1u << 12)	/* let others run while waiting */
#define SEM_NO_WFI (1u << 20)
#define SEM_RELEASE_4B (1u << 24)	/* payload only; else payload, 0, 64-bit PTIMER time */

/* Report of 0x9097 and 0x90c0: a sequence, or sequence, 0 and 64-bit PTIMER time. */
#define GR_QUERY_ADDRESS_HIGH 0x1b00
#define GR_QUERY_ADDRESS_LOW 0x1b04
#define GR_QUERY_SEQUENCE 0x1b08
#define GR_QUERY_GET 0x1b0c
#define GR_QUERY_GET_SHORT (1u << 28)

/* M2MF 0x9039. */
#define M2MF_TILING_MODE_IN 0x204
#define M2MF_TILING_PITCH_IN 0x208
#define M2MF_TILING_HEIGHT_IN 0x20c
#define M2MF_TILING_DEPTH_IN 0x210
#define M2MF_TILING_POSITION_IN_Z 0x214
#define M2MF_TILING_MODE_OUT 0x220
#define M2MF_TILING_PITCH_OUT 0x224
#define M2MF_TILING_HEIGHT_OUT 0x228
#define M2MF_TILING_DEPTH_OUT 0x22c
#define M2MF_TILING_POSITION_OUT_Z 0x230
#define M2MF_OFFSET_OUT_HIGH 0x238
#define M2MF_OFFSET_OUT_LOW 0x23c
#define M2MF_EXEC 0x300
#define M2MF_DATA 0x304
#define M2MF_OFFSET_IN_HIGH 0x30c
#define M2MF_OFFSET_IN_LOW 0x310
#define M2MF_PITCH_IN 0x314
#define M2MF_PITCH_OUT 0x318
#define M2MF_LINE_LENGTH_IN 0x31c
#define M2MF_LINE_COUNT 0x320
#define M2MF_QUERY_ADDRESS_HIGH 0x32c
#define M2MF_QUERY_ADDRESS_LOW 0x330
#define M2MF_QUERY_SEQUENCE 0x334
#define M2MF_TILING_POSITION_IN_X 0x344
#define M2MF_TILING_POSITION_IN_Y 0x348
#define M2MF_TILING_POSITION_OUT_X 0x34c
#define M2MF_TILING_POSITION_OUT_Y 0x350
#define M2MF_EXEC_PUSH (1u << 0)	/* data follows inline at M2MF_DATA */
#define M2MF_EXEC_LINEAR_IN (1u << 4)
#define M2MF_EXEC_LINEAR_OUT (1u << 8)
#define M2MF_EXEC_QUERY_SHIFT 12	/* 12-13: 2 writes the query */
#define M2MF_EXEC_NOTIFY (1u << 16)
#define M2MF_EXEC_QUERY_SHORT (1u << 20)

/* Copy classes 0x90b5 and 0x90b8. */
#define CE_NOP 0x100
#define CE_PM_TRIGGER 0x140
#define CE_SRC_TILE_MODE 0x200
#define CE_SRC_TILE_X 0x204
#define CE_SRC_TILE_Y 0x208
#define CE_SRC_TILE_Z 0x20c
#define CE_SRC_POS_Z 0x210
#define CE_SRC_POS_X 0x214
#define CE_SRC_POS_Y 0x218
#define CE_DST_TILE_MODE 0x220
#define CE_DST_TILE_X 0x224
#define CE_DST_TILE_Y 0x228
#define CE_DST_TILE_Z 0x22c
#define CE_DST_POS_Z 0x230
#define CE_DST_POS_X 0x234
#define CE_DST_POS_Y 0x238
#define CE_EXEC 0x300
#define CE_WRCACHE_FLUSH 0x304
#define CE_SRC_ADDRESS_HIGH 0x30c
#define CE_SRC_ADDRESS_LOW 0x310
#define CE_DST_ADDRESS_HIGH 0x314
#define CE_DST_ADDRESS_LOW 0x318
#define CE_SRC_PITCH 0x31c	/* 19 bits */
#define CE_DST_PITCH 0x320	/* 19 bits */
#define CE_XCNT 0x324		/* 16 bits */
#define CE_YCNT 0x328		/* 13 bits */
#define CE_FORMAT 0x32c
#define CE_SWZ_CONST0 0x330
#define CE_SWZ_CONST1 0x334
#define CE_QUERY_ADDRESS_HIGH 0x338
#define CE_QUERY_ADDRESS_LOW 0x33c
#define CE_QUERY_COUNTER 0x340
#define CE_EXEC_SWZ (1u << 0)
#define CE_EXEC_SRC_LINEAR (1u << 4)
#define CE_EXEC_DST_LINEAR (1u << 8)
#define CE_EXEC_QUERY (1u << 12)
#define CE_EXEC_QUERY_SHORT (1u << 13)

#endif
