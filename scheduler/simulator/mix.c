// SPDX-License-Identifier: MIT
/*
 * The text of a mix: one statement a line, checked word by word, so that a
 * mistake is named with its line.
 */
#include "scheduler/simulator/mix.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"

#define TEXT_MAX (1u << 20) /* a million letters of guests is a mistake */

struct parser {
	const char *file;
	unsigned int line;
	struct mix *mix;
	char *msg;
	size_t n;
};

static int bad(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int bad(struct parser *p, const char *fmt, ...)
{
	int at = snprintf(p->msg, p->n, "%s:%u: ", p->file, p->line);
	va_list ap;

	va_start(ap, fmt);
	if (at > 0 && (size_t)at < p->n)
		vsnprintf(p->msg + at, p->n - (size_t)at, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int parse_u32(const char *s, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	v = strtoul(s, &end, 10);
	if (*end || v > max)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

static int time_arg(const char *s, double *out)
{
	uint64_t ns;

	if (sched_parse_time(s, &ns))
		return -EINVAL;
	*out = (double)ns;
	return 0;
}

/* "5ms", "uniform(1ms,2ms)", "exp(1ms)", "pareto(1ms,1.5,1s)". */
static int parse_dist(char *s, struct dist *d)
{
	char *open = strchr(s, '('), *arg[3] = { NULL }, *save, *end;
	size_t len = strlen(s);
	int nr = 0;

	if (!open) {
		d->kind = DIST_CONST;
		return time_arg(s, &d->a);
	}
	if (s[len - 1] != ')')
		return -EINVAL;
	s[len - 1] = '\0';
	*open++ = '\0';
	for (char *t = strtok_r(open, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
		if (nr == 3)
			return -EINVAL;
		arg[nr++] = t;
	}
	if (nr < 1 || time_arg(arg[0], &d->a))
		return -EINVAL;
	if (!strcmp(s, "exp") && nr == 1) {
		d->kind = DIST_EXP;
		return 0;
	}
	if (!strcmp(s, "uniform") && nr == 2) {
		d->kind = DIST_UNIFORM;
		return time_arg(arg[1], &d->b) || d->b < d->a ? -EINVAL : 0;
	}
	if (strcmp(s, "pareto") || nr != 3)
		return -EINVAL;
	d->kind = DIST_PARETO;
	d->b = strtod(arg[1], &end);
	return *end || !(d->b > 0) || time_arg(arg[2], &d->c) || d->c < d->a ? -EINVAL : 0;
}

static int parse_time32(const char *s, uint32_t *us)
{
	uint64_t ns;

	if (sched_parse_time(s, &ns) || ns / 1000 > SCHED_LATENCY_MAX_US)
		return -EINVAL;
	*us = (uint32_t)(ns / 1000);
	return 0;
}

/* A guest's key=value; -ENOENT for an unknown key. */
static int parse_key(struct mix_guest *g, const char *key, char *v)
{
	uint32_t e;

	if (!strcmp(key, "size"))
		return parse_dist(v, &g->size);
	if (!strcmp(key, "think") && g->pattern == MIX_LOOP)
		return parse_dist(v, &g->gap);
	if (!strcmp(key, "period") && g->pattern == MIX_PERIODIC)
		return parse_dist(v, &g->gap);
	if (!strcmp(key, "depth") && g->pattern == MIX_LOOP)
		return parse_u32(v, MIX_MAX_DEPTH, &g->depth) || !g->depth ? -EINVAL : 0;
	if (!strcmp(key, "units"))
		return parse_u32(v, 10000, &g->units) || !g->units ? -EINVAL : 0;
	if (!strcmp(key, "weight"))
		return parse_u32(v, SCHED_WEIGHT_MAX, &g->weight) || !g->weight ? -EINVAL : 0;
	if (!strcmp(key, "cap"))
		return parse_u32(v, 100, &g->cap_pct);
	if (!strcmp(key, "latency"))
		return parse_time32(v, &g->latency_us);
	if (!strcmp(key, "budget"))
		return parse_u32(v, 100, &g->budget_pct);
	if (!strcmp(key, "quota"))
		return parse_u32(v, 1000000, &g->max_work);
	if (!strcmp(key, "start"))
		return sched_parse_time(v, &g->start);
	if (!strcmp(key, "stop"))
		return sched_parse_time(v, &g->stop);
	if (strcmp(key, "engine"))
		return -ENOENT;
	if (parse_u32(v, SCHED_MAX_ENGINES - 1, &e))
		return -EINVAL;
	g->engine = e;
	return 0;
}

static int add_guest(struct parser *p, const struct mix_guest *g, const char *name, int number)
{
	struct mix *m = p->mix;
	struct mix_guest *more;

	if (m->nr_guests == MIX_MAX_GUESTS)
		return bad(p, "more than %d guests", MIX_MAX_GUESTS);
	if (!(m->nr_guests & (m->nr_guests - 1))) {
		more = mem_realloc(m->guest, (m->nr_guests ? 2 * m->nr_guests : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		m->guest = more;
	}
	more = &m->guest[m->nr_guests];
	*more = *g;
	if (number < 0)
		snprintf(more->name, sizeof(more->name), "%s", name);
	else
		snprintf(more->name, sizeof(more->name), "%.20s%d", name, number);
	for (uint32_t i = 0; i < m->nr_guests; i++)
		if (m->nr_guests < 64 && !strcmp(m->guest[i].name, more->name))
			return bad(p, "there is a guest named %s already", more->name);
	m->nr_guests++;
	if (g->engine >= m->nr_engines)
		m->nr_engines = g->engine + 1;
	return 0;
}

/* "a", "a,b,c" or "a*100". */
static int add_guests(struct parser *p, const struct mix_guest *g, char *names)
{
	char *star = strchr(names, '*'), *save;
	uint32_t count;
	int r = 0;

	if (!star) {
		for (char *t = strtok_r(names, ",", &save); t && !r; t = strtok_r(NULL, ",", &save))
			r = add_guest(p, g, t, -1);
		return r;
	}
	*star++ = '\0';
	if (parse_u32(star, MIX_MAX_GUESTS, &count) || !count)
		return bad(p, "'%s' is not a number of guests", star);
	for (uint32_t i = 0; i < count && !r; i++)
		r = add_guest(p, g, names, (int)i);
	return r;
}

static int parse_guest(struct parser *p, char **save)
{
	struct mix_guest g = { .depth = 1, .units = 1, .gap = { .kind = DIST_CONST } };
	char *names = strtok_r(NULL, " \t", save), *what = strtok_r(NULL, " \t", save);
	bool sized = false, paced = false;

	if (!names || !what)
		return bad(p, "guest NAME loop|periodic key=value...");
	if (!strcmp(what, "periodic"))
		g.pattern = MIX_PERIODIC;
	else if (strcmp(what, "loop"))
		return bad(p, "'%s' is not loop or periodic", what);
	for (char *t = strtok_r(NULL, " \t", save); t; t = strtok_r(NULL, " \t", save)) {
		char *v = strchr(t, '='), shown[64];
		int r;

		if (!v)
			return bad(p, "'%s' is not key=value", t);
		*v++ = '\0';
		snprintf(shown, sizeof(shown), "%s", v);
		r = parse_key(&g, t, v);
		if (r == -ENOENT)
			return bad(p, "%s guest has no '%s'", what, t);
		if (r)
			return bad(p, "%s=%s is not valid", t, shown);
		sized |= !strcmp(t, "size");
		paced |= !strcmp(t, "period");
	}
	if (!sized)
		return bad(p, "size= is missing");
	if (g.pattern == MIX_PERIODIC && (!paced || g.gap.a < 1))
		return bad(p, "period= is missing or 0");
	if (g.stop && g.stop <= g.start)
		return bad(p, "stop is not after start");
	return add_guests(p, &g, names);
}

static int parse_line(struct parser *p, char *line)
{
	struct mix *m = p->mix;
	char *save, *word, *arg;
	uint64_t *where;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, " \t", &save);
	if (!word)
		return 0;
	if (!strcmp(word, "guest"))
		return parse_guest(p, &save);
	where = !strcmp(word, "time") ? &m->time :
		!strcmp(word, "window") ? &m->window :
		!strcmp(word, "switch") ? &m->swtch : NULL;
	if (!where)
		return bad(p, "'%s' is not guest, time, window or switch", word);
	arg = strtok_r(NULL, " \t", &save);
	if (!arg || sched_parse_time(arg, where) || strtok_r(NULL, " \t", &save))
		return bad(p, "%s TIME, as 500us, 30ms, 200s, 2h", word);
	return 0;
}

static int check_whole(struct parser *p)
{
	struct mix *m = p->mix;

	if (!m->nr_guests)
		return bad(p, "there is no guest");
	if (!m->time)
		m->time = 60000000000ull;
	if (!m->window)
		m->window = 1000000000ull;
	/* Each window has a row of numbers for each guest. */
	if (m->window > m->time || m->time / m->window > 100000 ||
	    m->time / m->window * m->nr_guests > 20000000)
		return bad(p, "window does not fit the time: 1 to 100000 windows");
	return 0;
}

int mix_parse(const char *file, const char *text, struct mix *out, char *msg, size_t n)
{
	struct parser p = { .file = file, .mix = out, .msg = msg, .n = n };
	char *copy, *at, *line;
	int r = 0;

	memset(out, 0, sizeof(*out));
	snprintf(msg, n, "%s: out of memory", file);
	snprintf(out->name, sizeof(out->name), "%s", file);
	copy = mem_strdup(text);
	if (!copy)
		return -ENOMEM;
	for (at = copy; !r && (line = strsep(&at, "\n"));) {
		p.line++;
		line[strcspn(line, "\r")] = '\0';
		r = parse_line(&p, line);
	}
	if (!r)
		r = check_whole(&p);
	mem_free(copy);
	if (r)
		mix_free(out);
	return r;
}

/* The whole file, ended by a zero; owned by the caller. */
static int read_text(const char *path, char **out, char *msg, size_t n)
{
	FILE *f = fopen(path, "re");
	char *text = mem_calloc(1, TEXT_MAX + 1);
	size_t len;
	int r = 0;

	if (!f || !text) {
		r = f ? -ENOMEM : -errno;
		snprintf(msg, n, "%s: %s", path, strerror(-r));
	} else {
		len = fread(text, 1, TEXT_MAX + 1, f);
		if (ferror(f) || len > TEXT_MAX) {
			r = -EINVAL;
			snprintf(msg, n, "%s: %s", path, ferror(f) ? "cannot be read" : "is too long");
		} else if (strlen(text) != len) {
			r = -EINVAL;
			snprintf(msg, n, "%s:1: is not a text", path);
		}
	}
	if (f)
		fclose(f);
	if (r)
		mem_free(text);
	else
		*out = text;
	return r;
}

int mix_open(const char *name, struct mix *out, char *msg, size_t n)
{
	const struct mix_builtin *b;
	char *text;
	int r;

	for (unsigned int i = 0; (b = mix_builtin_at(i)); i++)
		if (!strcmp(b->name, name))
			return mix_parse(name, b->text, out, msg, n);
	r = read_text(name, &text, msg, n);
	if (r == -ENOENT && !strpbrk(name, "/."))
		snprintf(msg, n, "no workload named '%s' (gpuvm-sched --list), and no such file", name);
	if (r)
		return r;
	r = mix_parse(name, text, out, msg, n);
	mem_free(text);
	return r;
}

void mix_free(struct mix *m)
{
	for (uint32_t i = 0; i < m->nr_guests; i++)
		mem_free(m->guest[i].work);
	mem_free(m->guest);
	memset(m, 0, sizeof(*m));
}
