// SPDX-License-Identifier: MIT
/*
 * The parser of a domain's file.
 *
 * 1. A line is empty, a comment (#), or "key = value"; a comment may follow
 *    a value after a blank.  Each key stands once.
 * 2. What is answered is whole: a file with any error is none.
 */
#include "gpuvm/domain_conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/base/size.h"

#define SUFFIX ".conf"
#define LINE_MAX_LEN 256
#define VRAM_DEFAULT (256ull << 20) /* as gpuvm attach */
#define TIMEOUT_MAX_MS 3600000u

static int number(const char *s, uint32_t min, uint32_t max, uint32_t *out)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(s, &end, 10);
	if (!isdigit((unsigned char)*s) || *end || errno || v < min || v > max)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

/* In whole units of `unit` ns. */
static int duration(const char *s, uint64_t unit, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t ns;

	if (sched_parse_time(s, &ns) || ns / unit < min || ns / unit > max)
		return -EINVAL;
	*out = (uint32_t)(ns / unit);
	return 0;
}

static int take_mode(const char *s, struct domain_conf *c)
{
	return vgpu_mode_parse(s, &c->mode);
}

static int take_options(const char *s, struct domain_conf *c)
{
	uint32_t opts;

	if (strlen(s) >= sizeof c->options || shadow_opts_parse(s, &opts))
		return -EINVAL;
	strcpy(c->options, s);
	return 0;
}

static int take_vram(const char *s, struct domain_conf *c)
{
	return size_parse(s, &c->vram) || !c->vram || c->vram > INT64_MAX ? -EINVAL : 0;
}

static int take_weight(const char *s, struct domain_conf *c)
{
	return number(s, 1, SCHED_WEIGHT_MAX, &c->weight);
}

static int take_cap(const char *s, struct domain_conf *c)
{
	return number(s, 0, 100, &c->cap_pct);
}

static int take_latency(const char *s, struct domain_conf *c)
{
	return duration(s, 1000, 0, SCHED_LATENCY_MAX_US, &c->latency_us);
}

static int take_timeout(const char *s, struct domain_conf *c)
{
	return duration(s, 1000000, 1, TIMEOUT_MAX_MS, &c->timeout_ms);
}

static int take_multicall(const char *s, struct domain_conf *c)
{
	return number(s, 1, UINT32_MAX, &c->multicall);
}

static int take_slot(const char *s, struct domain_conf *c)
{
	uint32_t v = 0;
	int err = number(s, 1, 31, &v);

	c->slot = (uint8_t)v;
	return err;
}

static const struct key {
	const char *name;
	int (*take)(const char *value, struct domain_conf *);
	const char *wanted;
} keys[] = {
	{ "mode", take_mode, "full, naive-pv, hp-pv or passthrough (options are a line of their own)" },
	{ "options", take_options, "none, optimized, best, or a list of keep, lazy, track, bar-remap" },
	{ "vram", take_vram, "a size, as 256M" },
	{ "weight", take_weight, "1 to 65535" },
	{ "cap", take_cap, "0 (no cap) to 100 percent" },
	{ "latency", take_latency, "0 (none) or a time up to 10s, as 1ms" },
	{ "timeout", take_timeout, "a time from 1ms to 1h" },
	{ "multicall", take_multicall, "a number of operations" },
	{ "slot", take_slot, "1 to 31" },
};

struct parser {
	const char *path;
	unsigned int line;
	unsigned int at[ARRAY_SIZE(keys)]; /* line of each key; 0: not there */
	struct domain_conf *out;
	char *msg;
	size_t n;
};

static int wrong(const struct parser *p, unsigned int line, const char *fmt, const char *a, const char *b)
{
	int len = snprintf(p->msg, p->n, "%s:%u: ", p->path, line);

	if (len >= 0 && (size_t)len < p->n)
		snprintf(p->msg + len, p->n - (size_t)len, fmt, a, b);
	return -EINVAL;
}

/* The text without blanks around it, in place. */
static char *trim(char *s)
{
	size_t len;

	while (isblank((unsigned char)*s))
		s++;
	len = strlen(s);
	while (len && (isblank((unsigned char)s[len - 1]) || s[len - 1] == '\r'))
		s[--len] = '\0';
	return s;
}

static void cut_comment(char *s)
{
	for (char *c = s; (c = strchr(c, '#')); c++)
		if (c == s || isblank((unsigned char)c[-1])) {
			*c = '\0';
			return;
		}
}

/* Key number i of the table has this value. */
static int take(struct parser *p, size_t i, const char *value)
{
	char shown[48];

	if (p->at[i])
		return wrong(p, p->line, "%s stands here a second time%s", keys[i].name, "");
	p->at[i] = p->line;
	if (!keys[i].take(value, p->out))
		return 0;
	snprintf(shown, sizeof shown, "%s = %.32s", keys[i].name, value);
	return wrong(p, p->line, "%s: not %s", shown, keys[i].wanted);
}

static int parse_line(struct parser *p, char *line)
{
	char *equals, *key;

	cut_comment(line);
	line = trim(line);
	if (!*line)
		return 0;
	equals = strchr(line, '=');
	if (!equals)
		return wrong(p, p->line, "no \"key = value\": %.40s%s", line, "");
	*equals = '\0';
	key = trim(line);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i].name))
			return take(p, i, trim(equals + 1));
	return wrong(p, p->line, "%.32s: no such key: mode, options, vram, weight, cap, latency, timeout, "
		     "multicall, slot are%s", key, "");
}

static unsigned int line_of(const struct parser *p, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, key))
			return p->at[i];
	return 0;
}

/* What can only be judged of the whole. */
static int judge(const struct parser *p)
{
	if (line_of(p, "options") && p->out->mode != VGPU_FULL)
		return wrong(p, line_of(p, "options"), "options are for mode full, not %s%s",
			     vgpu_mode_name(p->out->mode), "");
	if (p->out->multicall && p->out->mode != VGPU_NAIVE_PV)
		return wrong(p, line_of(p, "multicall"), "multicall is for mode naive-pv, not %s%s",
			     vgpu_mode_name(p->out->mode), "");
	return 0;
}

/* A line as a text of its own. */
static int copy_line(struct parser *p, const char *from, size_t len, char line[LINE_MAX_LEN])
{
	if (len >= LINE_MAX_LEN)
		return wrong(p, p->line, "the line is too long%s%s", "", "");
	for (size_t i = 0; i < len; i++)
		if (!isprint((unsigned char)from[i]) && from[i] != '\t' && from[i] != '\r')
			return wrong(p, p->line, "not text%s%s", "", "");
	memcpy(line, from, len);
	line[len] = '\0';
	return 0;
}

int domain_conf_parse(const char *text, size_t len, const char *path, struct domain_conf *out, char *msg,
		      size_t n)
{
	struct parser p = { .path = path, .out = out, .msg = msg, .n = n };
	char line[LINE_MAX_LEN];
	int err = 0;

	*out = (struct domain_conf){ .mode = VGPU_FULL, .vram = VRAM_DEFAULT };
	while (!err && len) {
		const char *end = memchr(text, '\n', len);
		size_t k = end ? (size_t)(end - text) : len;

		p.line++;
		err = copy_line(&p, text, k, line);
		if (!err)
			err = parse_line(&p, line);
		k += end != NULL;
		text += k;
		len -= k;
	}
	return err ? err : judge(&p);
}

int domain_conf_name(const char *file, char name[32])
{
	size_t len = strlen(file), tail = sizeof SUFFIX - 1;

	if (len < tail || strcmp(file + len - tail, SUFFIX) || *file == '.')
		return -ENOENT;
	len -= tail;
	if (len > 31)
		return -EINVAL;
	memcpy(name, file, len);
	name[len] = '\0';
	return gpuvm_name_ok(name) ? 0 : -EINVAL;
}

int domain_conf_read(const char *path, struct domain_conf *out, char *msg, size_t n)
{
	FILE *f = fopen(path, "re");
	char *text = f ? mem_calloc(1, DOMAIN_CONF_MAX + 1) : NULL;
	int err = 0;
	size_t len;

	if (!f)
		err = -errno;
	else if (!text)
		err = -ENOMEM;
	if (!err) {
		len = fread(text, 1, DOMAIN_CONF_MAX + 1, f);
		err = ferror(f) ? -errno : len > DOMAIN_CONF_MAX ? -EFBIG : 0;
	}
	if (err)
		snprintf(msg, n, "%s: %s", path, strerror(-err));
	else
		err = domain_conf_parse(text, len, path, out, msg, n);
	if (f)
		fclose(f);
	mem_free(text);
	return err;
}
