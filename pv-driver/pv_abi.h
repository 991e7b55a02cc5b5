/* SPDX-License-Identifier: MIT */
/*
 * Wire format of the paravirtual page-table calls ("naive PV").  Includes
 * stdint only; both sides include it.  docs/pv-abi.md tells it in prose.
 *
 * Page tables live in memory of the mediator.  The guest's driver names them
 * by id and asks for each change; a call is a list of operations in guest RAM
 * (the ring), a doorbell in the PV call page, and a result per operation.
 */
#ifndef PV_DRIVER_PV_ABI_H
#define PV_DRIVER_PV_ABI_H

#include <stdint.h>

#define PV_MAGIC 0x56506770u /* "pgPV" */
#define PV_VERSION 1u

/* ---- the call page: 32-bit registers, 4-byte accesses only ---------------------------- */

#define PV_PAGE_LEN 4096u
enum pv_reg {
	PV_REG_MAGIC = 0x00,	   /* R */
	PV_REG_VERSION = 0x04,	   /* R: highest version the mediator speaks */
	PV_REG_FEATURES = 0x08,	   /* R: PV_FEAT_* offered */
	PV_REG_RING_MAX = 0x0c,	   /* R: bytes */
	PV_REG_OPS_MAX = 0x10,	   /* R: operations per call */
	PV_REG_WORK_MAX = 0x14,	   /* R: work per call, see pv_op_work() */
	PV_REG_DRV_VERSION = 0x18, /* RW: what the driver speaks */
	PV_REG_DRV_FEATURES = 0x1c, /* RW: which features it will use */
	PV_REG_RING_LO = 0x20,	   /* RW: guest-physical address, page-aligned */
	PV_REG_RING_HI = 0x24,
	PV_REG_RING_LEN = 0x28,	   /* RW: bytes, a multiple of 4096, at most RING_MAX */
	PV_REG_ENABLE = 0x2c,	   /* W: 1 registers the ring, 0 withdraws it; R: enum pv_state */
	PV_REG_CALL = 0x30,	   /* W: the doorbell; R: value of the last call carried out */
};

enum pv_feature {
	PV_FEAT_RUN = 1 << 0,	    /* PV_OP_MAP_RUN, and PV_OP_UNMAP of more than one entry */
	PV_FEAT_LIST = 1 << 1,	    /* PV_OP_MAP_LIST */
	PV_FEAT_MULTICALL = 1 << 2, /* more than one operation per call */
};

enum pv_state {
	PV_STATE_OFF,
	PV_STATE_ON,
	PV_STATE_BAD_VERSION,
	PV_STATE_BAD_FEATURES, /* something that was not offered */
	PV_STATE_BAD_RING,     /* address, length, or not the guest's RAM */
	PV_STATE_NO_MEMORY,    /* the mediator's */
};

/* ---- the ring ---------------------------------------------------------------------------- */

#define PV_RING_MAX 65536u

/* First in the ring.  Operations follow at PV_OPS_OFF, without gaps. */
struct pv_call {
	uint32_t nr;  /* operations */
	uint32_t len; /* bytes of header and operations */
	uint32_t res; /* offset of nr struct pv_result, a multiple of 8 */
	uint32_t pad0;
	/* Written by the mediator, done last: the doorbell's value. */
	uint32_t error; /* enum pv_error of the call: the first failure, or 0 */
	uint32_t good;	/* operations that succeeded; all before the first failure */
	uint32_t pad1;
	uint32_t done; /* atomic */
	uint32_t pad2[8];
};
#define PV_OPS_OFF 64u

struct pv_op {
	uint16_t code; /* enum pv_op_code */
	uint16_t pad0;
	uint32_t id; /* directory or table; 0 is none */
	uint32_t index;
	uint32_t count;
	uint64_t a, b;
};

struct pv_result {
	uint32_t error; /* enum pv_error */
	uint32_t value;
};

/* Values of a page-table entry and its sizes are the hardware's (Fermi, 128 KiB large pages). */
enum pv_op_code {
	/* Memory for a page of the type `index` (enum pv_kind), entries divided by 1 << count; value: its id. */
	PV_OP_ALLOC = 1,
	/* id is to be used by nothing. */
	PV_OP_FREE,
	/* Channel `index` works in directory id from now on; 0: in none. */
	PV_OP_SET_DIR,
	/* BAR `index` (1 or 3) shows directory id up to address a, inclusive; 0: none. */
	PV_OP_BAR_DIR,
	/* Entry `index` of directory id: small table lo32(a), large table hi32(a); 0: none. */
	PV_OP_MAP_TABLE,
	/* Entry `index` of table id becomes a. */
	PV_OP_MAP,
	/* `count` entries from `index`: a, then the same with the address b bytes further each. */
	PV_OP_MAP_RUN,
	/* `count` entries from `index`: the words after this operation, padded to whole operations. */
	PV_OP_MAP_LIST,
	/* `count` entries from `index` are taken away. */
	PV_OP_UNMAP,
	/* What was changed below directory id counts from now on, and what was taken away is out of use. */
	PV_OP_FLUSH,
	PV_OP_END
};

enum pv_kind { PV_KIND_DIR = 1, PV_KIND_SMALL, PV_KIND_LARGE, PV_KIND_END };
#define PV_SHIFT_MAX 3u /* tables of a half, a quarter, an eighth; directories are whole */

enum pv_error {
	PV_OK,
	PV_ERR_CALL,	/* the call itself: lengths, offsets */
	PV_ERR_OP,	/* unknown operation, or its feature was not negotiated */
	PV_ERR_ID,	/* no such page, channel or BAR */
	PV_ERR_KIND,	/* a page of another type */
	PV_ERR_INDEX,	/* index or count outside the page */
	PV_ERR_BUSY,	/* in use */
	PV_ERR_QUOTA,	/* no more table memory */
	PV_ERR_ENTRY,	/* an entry that is not the guest's memory: not present now; the good ones are in place */
	PV_ERR_WORK,	/* too many operations, or more work than one call may ask for */
	PV_ERR_DEVICE,	/* not the guest's fault */
	PV_ERR_SKIPPED, /* not looked at: an operation before it failed */
};

/* Operations that one operation takes in the ring. */
static inline uint64_t pv_op_slots(uint16_t code, uint32_t count)
{
	return 1 + (code == PV_OP_MAP_LIST ? ((uint64_t)count + 3) / 4 : 0);
}

/* What an operation costs of a call's PV_REG_WORK_MAX: about an entry's time each. */
#define PV_WORK_FLUSH 4096u
static inline uint64_t pv_op_work(uint16_t code, uint32_t count)
{
	switch (code) {
	case PV_OP_ALLOC:
	case PV_OP_FREE:
	case PV_OP_FLUSH:
	case PV_OP_SET_DIR:
	case PV_OP_BAR_DIR: return PV_WORK_FLUSH;
	case PV_OP_MAP_RUN:
	case PV_OP_MAP_LIST:
	case PV_OP_UNMAP: return 1 + (uint64_t)count;
	default: return 1;
	}
}

_Static_assert(sizeof(struct pv_call) == PV_OPS_OFF, "operations follow the header");
_Static_assert(sizeof(struct pv_op) == 32, "a list is padded to whole operations");
_Static_assert(sizeof(struct pv_result) == 8, "results are words");

#endif
