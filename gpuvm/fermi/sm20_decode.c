// SPDX-License-Identifier: MIT
/*
 * sm_20: words to instructions and back, by the encoding table.
 *
 * A word is an instruction only if one row matches it, all its fields have values that mean
 * something, and no bit is set that nothing explains.
 */
#include "gpuvm/fermi/sm20.h"

#include <errno.h>
#include <string.h>

#include "gpuvm/fermi/sm20_table.h"

#define PRED_POS 10
#define PRED_NOT_POS 13
#define JOIN_POS 4

static const struct sm20_row *row_find(uint64_t raw)
{
	for (unsigned int i = 0; i < sm20_nr_rows; i++)
		if ((raw & sm20_rows[i].mask) == sm20_rows[i].match)
			return &sm20_rows[i];
	return NULL;
}

void sm20_insn_init(struct sm20_insn *in, unsigned int row, uint32_t pc)
{
	memset(in, 0, sizeof(*in));
	in->pc = pc;
	in->row = (uint16_t)row;
	in->op = sm20_rows[row].op;
	in->bytes = SM20_INSN_BYTES;
	in->pred = SM20_PRED_TRUE;
	in->pdst[0] = in->pdst[1] = SM20_PRED_TRUE;
	in->dst = SM20_REG_ZERO;
	in->cct = SM20_CCT_TRUE;
	in->lanes = 15;
}

static int row_get(const struct sm20_row *row, uint64_t raw, struct sm20_insn *in)
{
	uint64_t seen = row->mask;
	int err;

	if (row->pred) {
		in->pred = (uint8_t)sm20_bits(raw, PRED_POS, 3);
		in->pred_not = sm20_bits(raw, PRED_NOT_POS, 1);
		seen |= 0xfull << PRED_POS;
	}
	if (row->join) {
		in->join = sm20_bits(raw, JOIN_POS, 1);
		seen |= 1ull << JOIN_POS;
	}
	for (const uint8_t *f = row->fields; *f; f++) {
		err = sm20_field_get(&sm20_fields[*f], raw, in, &seen);
		if (err)
			return err;
	}
	return raw & ~seen ? -EILSEQ : 0;
}

int sm20_decode(uint64_t raw, uint32_t pc, struct sm20_insn *out)
{
	const struct sm20_row *row = row_find(raw);
	int err = -EILSEQ;

	if (row) {
		sm20_insn_init(out, (unsigned int)(row - sm20_rows), pc);
		err = row_get(row, raw, out);
	}
	if (err) {
		memset(out, 0, sizeof(*out));
		out->pc = pc;
	}
	out->raw = raw;
	return err;
}

int sm20_encode(const struct sm20_insn *in, uint64_t *raw)
{
	const struct sm20_row *row;
	uint64_t v;

	if (in->row >= sm20_nr_rows || sm20_rows[in->row].op != in->op)
		return -EINVAL;
	row = &sm20_rows[in->row];
	v = row->match;
	if (row->pred)
		v |= (uint64_t)(in->pred & 7) << PRED_POS | (uint64_t)in->pred_not << PRED_NOT_POS;
	else if (in->pred != SM20_PRED_TRUE || in->pred_not)
		return -EINVAL;
	if (in->join && !row->join)
		return -EINVAL;
	v |= (uint64_t)in->join << JOIN_POS;
	for (const uint8_t *f = row->fields; *f; f++)
		if (sm20_field_put(&sm20_fields[*f], in, &v))
			return -EINVAL;
	*raw = v;
	return 0;
}

static const char *const op_names[] = {
	NULL,
#define SM20_OP(name, text, what) text,
#include "gpuvm/fermi/sm20_ops.def"
#undef SM20_OP
};

static const char *const op_whats[] = {
	NULL,
#define SM20_OP(name, text, what) what,
#include "gpuvm/fermi/sm20_ops.def"
#undef SM20_OP
};

const char *sm20_op_name(unsigned int op)
{
	return op < SM20_OP_COUNT ? op_names[op] : NULL;
}

const char *sm20_op_what(unsigned int op)
{
	return op < SM20_OP_COUNT ? op_whats[op] : NULL;
}
