// SPDX-License-Identifier: MIT
/*
 * The sm_20 assembler (syntax: docs/sm20-asm.md).
 *
 * 1. Every line gives one word or none, so labels are known after one pass over the lines.
 * 2. Of the rows of an operation the first that takes the text wins; if none does, the row that
 *    got furthest gives the reason.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/sm20_table.h"

#define LINE_MAX_BYTES 512
#define NAME_MAX_BYTES 64
#define MAX_PARTS 16 /* modifiers, and operands, of one line */

struct label {
	char name[NAME_MAX_BYTES];
	uint32_t at;
};

struct program {
	struct label *labels;
	size_t nr_labels, room_labels;
	uint32_t org;
	size_t nr_words;
	unsigned int line;
	char *msg;
	size_t msgn;
};

/* A line taken apart; all pointers are into its text. */
struct line {
	char text[LINE_MAX_BYTES];
	char *pred, *op;
	char *mods[MAX_PARTS], *ops[MAX_PARTS];
	unsigned int nr_mods, nr_ops;
};

static __attribute__((format(printf, 2, 3))) int fail(struct program *p, const char *fmt, ...)
{
	size_t at;
	va_list ap;

	if (p->msgn) {
		at = (size_t)snprintf(p->msg, p->msgn, "line %u: ", p->line);
		va_start(ap, fmt);
		if (at < p->msgn)
			vsnprintf(p->msg + at, p->msgn - at, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

/* ---- lines -------------------------------------------------------------------------- */

/* Copies the line at *text without comment and outer space, and goes to the next. */
static int line_next(struct program *p, const char **text, char *buf)
{
	const char *s = *text, *end = s + strcspn(s, "\n"), *stop = s;

	*text = *end ? end + 1 : end;
	p->line++;
	while (stop < end && *stop != ';' && *stop != '#' && !(stop[0] == '/' && stop[1] == '/'))
		stop++;
	while (s < stop && isspace((unsigned char)*s))
		s++;
	while (stop > s && isspace((unsigned char)stop[-1]))
		stop--;
	if (stop - s >= LINE_MAX_BYTES)
		return fail(p, "the line is too long");
	memcpy(buf, s, (size_t)(stop - s));
	buf[stop - s] = 0;
	return 0;
}

static bool is_name(const char *s, size_t n)
{
	if (!n || n >= NAME_MAX_BYTES || (!isalpha((unsigned char)*s) && *s != '_'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_')
			return false;
	return true;
}

/* "name:" at the front: its length without the colon, or 0. */
static size_t label_length(const char *s)
{
	size_t n = strcspn(s, ":");

	return s[n] && is_name(s, n) ? n : 0;
}

static const struct label *label_find(const struct program *p, const char *name, size_t n)
{
	for (size_t i = 0; i < p->nr_labels; i++)
		if (strlen(p->labels[i].name) == n && !memcmp(p->labels[i].name, name, n))
			return &p->labels[i];
	return NULL;
}

static int label_add(struct program *p, const char *name, size_t n)
{
	struct label *more;

	if (label_find(p, name, n))
		return fail(p, "label '%.*s' stands twice", (int)n, name);
	if (p->nr_labels == p->room_labels) {
		p->room_labels = p->room_labels * 2 + 16;
		more = mem_realloc(p->labels, p->room_labels * sizeof(*more));
		if (!more)
			return -ENOMEM;
		p->labels = more;
	}
	memcpy(p->labels[p->nr_labels].name, name, n);
	p->labels[p->nr_labels].name[n] = 0;
	p->labels[p->nr_labels++].at = p->org + (uint32_t)p->nr_words * SM20_INSN_BYTES;
	return 0;
}

/* What follows the labels of a line; may be empty. */
static char *past_labels(char *s)
{
	size_t n;

	while ((n = label_length(s)) != 0) {
		s += n + 1;
		while (isspace((unsigned char)*s))
			s++;
	}
	return s;
}

static int labels_collect(struct program *p, const char *text)
{
	char buf[LINE_MAX_BYTES], *s, *rest;
	size_t n;
	int err;

	while (*text) {
		err = line_next(p, &text, buf);
		rest = buf;
		for (s = buf; !err && (n = label_length(s)) != 0; s = rest) {
			err = label_add(p, s, n);
			rest = s + n + 1;
			while (isspace((unsigned char)*rest))
				rest++;
		}
		if (err)
			return err;
		p->nr_words += *rest != 0;
	}
	return 0;
}

/* ---- one instruction ---------------------------------------------------------------- */

static void squeeze(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (!isspace((unsigned char)*s))
			*to++ = *s;
	*to = 0;
}

/* "@!p0 op.mod.mod a, b, c" into its parts. */
static int line_split(struct program *p, char *s, struct line *l)
{
	char *end, *save = NULL;

	l->pred = NULL;
	l->nr_mods = l->nr_ops = 0;
	if (*s == '@') {
		l->pred = s + 1;
		s += strcspn(s, " \t");
		if (!*s)
			return fail(p, "an instruction is missing after @%s", l->pred);
		*s++ = 0;
		s += strspn(s, " \t");
	}
	end = s + strcspn(s, " \t");
	if (*end)
		*end++ = 0;
	l->op = s;
	for (s = strchr(s, '.'); s; s = strchr(s, '.')) {
		*s++ = 0;
		if (l->nr_mods == MAX_PARTS)
			return fail(p, "too many modifiers");
		l->mods[l->nr_mods++] = s;
	}
	squeeze(end);
	if (!*end)
		return 0;
	if (*end == ',' || end[strlen(end) - 1] == ',' || strstr(end, ",,"))
		return fail(p, "an operand is missing at a comma");
	for (s = strtok_r(end, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		if (l->nr_ops == MAX_PARTS)
			return fail(p, "too many operands");
		l->ops[l->nr_ops++] = s;
	}
	return 0;
}

/* The bits of an ENUM that `name` ("" for the default) stands for; -1: none. */
static int enum_find(const struct sm20_field *f, const char *name)
{
	for (int i = 0; i < 1 << (f->width + (f->alt != 0)); i++)
		if (f->names[i] && !strcmp(f->names[i], name))
			return i;
	return -1;
}

static bool modifier_take(const struct sm20_field *f, const char *mod, struct sm20_insn *in)
{
	int64_t v;
	int i;

	switch (f->kind) {
	case SM20_K_FLAG:
	case SM20_K_FIXED:
		if (strcmp(f->name, mod))
			return false;
		*sm20_byte(in, f) = f->kind == SM20_K_FLAG ? 1 : f->val;
		return true;
	case SM20_K_SEL:
		if (strncmp(mod, "sel", 3) || !sm20_parse_number(mod + 3, &v) || v < 0 || v > 3)
			return false;
		in->sel = (uint8_t)v;
		return true;
	default:
		i = *mod || f->kind == SM20_K_ENUM ? enum_find(f, mod) : -1;
		if (i < 0)
			return false;
		*sm20_byte(in, f) = f->map ? f->map[i] : (uint8_t)i;
		return true;
	}
}

/* How far a row came with a line; operands count up from the modifiers. */
#define PROGRESS_MODIFIERS 100
#define PROGRESS_ENCODED 200

/* What a row says against a line: the reason of the one that got furthest is shown. */
struct verdict {
	unsigned int progress;
	char why[192];
};

static __attribute__((format(printf, 3, 4))) int object(struct verdict *v, unsigned int progress,
							 const char *fmt, ...)
{
	va_list ap;

	v->progress = progress;
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Each modifier goes to the first field that knows it and has none yet. */
static int modifiers_set(const struct sm20_row *row, const struct line *l, struct sm20_insn *in,
			 struct verdict *v)
{
	bool done[SM20_ROW_FIELDS] = { false };
	unsigned int i, k;

	for (i = 0; i < l->nr_mods; i++) {
		if (row->join && !in->join && !strcmp(l->mods[i], "join")) {
			in->join = true;
			continue;
		}
		for (k = 0; row->fields[k]; k++)
			if (!done[k] && *l->mods[i] &&
			    sm20_field_is_modifier(&sm20_fields[row->fields[k]]) &&
			    modifier_take(&sm20_fields[row->fields[k]], l->mods[i], in))
				break;
		if (!row->fields[k])
			return object(v, i, "%s has no modifier '.%s'", l->op, l->mods[i]);
		done[k] = true;
	}
	for (k = 0; row->fields[k]; k++) {
		const struct sm20_field *f = &sm20_fields[row->fields[k]];

		if (done[k] || !sm20_field_is_modifier(f))
			continue;
		if (f->kind == SM20_K_FIXED && !f->optional)
			return object(v, i, "%s without '.%s' is something else", l->op, f->name);
		if (f->kind == SM20_K_FIXED)
			*sm20_byte(in, f) = f->val;
		if (f->kind == SM20_K_ENUM && !modifier_take(f, "", in))
			return object(v, i, "%s needs a modifier for %s", l->op, f->name);
	}
	return 0;
}

static int operands_set(const struct program *p, const struct sm20_row *row, const struct line *l,
			struct sm20_insn *in, struct verdict *v)
{
	unsigned int got = 0, progress = PROGRESS_MODIFIERS;
	const struct label *label;
	const char *text;
	char buf[24], why[128];
	int err;

	for (const uint8_t *id = row->fields; *id; id++) {
		const struct sm20_field *f = &sm20_fields[*id];

		if (sm20_field_is_modifier(f))
			continue;
		text = got < l->nr_ops ? l->ops[got] : f->optional ? "pt" : NULL;
		if (!text)
			return object(v, progress + got, "%s: an operand is missing (%s)", l->op,
				      f->name);
		if (f->kind == SM20_K_REL || f->kind == SM20_K_ABS) {
			label = label_find(p, text, strlen(text));
			snprintf(buf, sizeof(buf), "0x%x", label ? label->at : 0);
			text = label ? buf : text;
		}
		err = sm20_parse_operand(f, text, in, why, sizeof(why));
		if (err)
			return object(v, progress + got - (err == -ENOENT), "%s: %s", l->op, why);
		got++;
	}
	if (got < l->nr_ops)
		return object(v, progress + got, "%s: '%s' is one operand too many", l->op,
			      l->ops[got]);
	return 0;
}

/* Says which field it is that does not fit. */
static int row_encode(const struct sm20_row *row, const struct line *l, struct sm20_insn *in,
		      uint64_t *out, struct verdict *v)
{
	struct sm20_insn again;
	uint64_t raw = 0;

	if (!sm20_encode(in, out) && !sm20_decode(*out, in->pc, &again))
		return 0;
	for (const uint8_t *id = row->fields; *id; id++)
		if (sm20_field_put(&sm20_fields[*id], in, &raw))
			return object(v, PROGRESS_ENCODED, "%s: the value of %s does not fit",
				      l->op, sm20_fields[*id].name);
	return object(v, PROGRESS_ENCODED, "%s: these operands do not go together", l->op);
}

static int row_try(const struct program *p, unsigned int r, const struct line *l, uint32_t pc,
		   uint64_t *out, struct verdict *v)
{
	const struct sm20_row *row = &sm20_rows[r];
	const char *pred = l->pred;
	struct sm20_insn in;

	sm20_insn_init(&in, r, pc);
	if (pred) {
		in.pred_not = *pred == '!';
		pred += in.pred_not;
		if (pred[0] != 'p' || !pred[1] || pred[2] ||
		    (pred[1] != 't' && (pred[1] < '0' || pred[1] > '7')))
			return object(v, 0, "@%s is no predicate", l->pred);
		in.pred = pred[1] == 't' ? SM20_PRED_TRUE : (uint8_t)(pred[1] - '0');
		if (!row->pred)
			return object(v, 0, "%s takes no predicate", l->op);
	}
	if (modifiers_set(row, l, &in, v) || operands_set(p, row, l, &in, v))
		return -EINVAL;
	return row_encode(row, l, &in, out, v);
}

static int word_assemble(struct program *p, struct line *l, uint32_t pc, uint64_t *out)
{
	struct verdict best = { 0, "" }, v;
	bool known = false;
	int64_t word;

	if (!*l->op && l->nr_mods && !strcmp(l->mods[0], "word")) {
		if (l->nr_ops != 1 || !sm20_parse_number(l->ops[0], &word))
			return fail(p, ".word takes one number");
		*out = (uint64_t)word;
		return 0;
	}
	for (unsigned int r = 0; r < sm20_nr_rows; r++) {
		if (strcmp(sm20_op_name(sm20_rows[r].op), l->op))
			continue;
		if (!row_try(p, r, l, pc, out, &v))
			return 0;
		/* Of values that do not fit, the row with the most room for them tells. */
		if (!known || v.progress > best.progress || v.progress == PROGRESS_ENCODED)
			best = v;
		known = true;
	}
	if (!known)
		return fail(p, "'%s' is no instruction", l->op);
	return fail(p, "%s", best.why);
}

static int words_assemble(struct program *p, const char *text, uint64_t *out)
{
	struct line l;
	size_t at = 0;
	char *s;
	int err;

	p->line = 0;
	while (*text) {
		err = line_next(p, &text, l.text);
		if (err)
			return err;
		s = past_labels(l.text);
		if (!*s)
			continue;
		err = line_split(p, s, &l);
		if (!err)
			err = word_assemble(p, &l, p->org + (uint32_t)at * SM20_INSN_BYTES,
					    &out[at]);
		if (err)
			return err;
		at++;
	}
	return 0;
}

int sm20_assemble(const char *text, uint32_t org, uint64_t *out, size_t *n, char *msg, size_t msgn)
{
	struct program p = { .org = org, .msg = msg, .msgn = msgn };
	int err;

	if (msgn)
		*msg = 0;
	err = labels_collect(&p, text);
	if (err == -ENOMEM)
		fail(&p, "no memory");
	if (!err && p.nr_words > *n) {
		fail(&p, "%zu words, but there is room for %zu", p.nr_words, *n);
		err = -ENOSPC;
	}
	if (!err)
		err = words_assemble(&p, text, out);
	if (!err)
		*n = p.nr_words;
	mem_free(p.labels);
	return err;
}
