// SPDX-License-Identifier: MIT
/*
 * A policy as users name it, with parameters, built in or from a shared
 * object.  What it opens is checked before anybody can call into it: the ABI
 * number first, since a table of another shape cannot be read further.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/sched.h"

#define SPEC_MAX 512

int sched_parse_time(const char *s, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} unit[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
		     { "min", 60000000000 }, { "h", 3600000000000 } };
	char *end;
	double v;

	if ((*s < '0' || *s > '9') && *s != '.')
		return -EINVAL;
	v = strtod(s, &end);
	if (!strcmp(s, "0")) {
		*ns = 0;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(unit); i++)
		/* A month and a bit: sums of a few such times still fit. */
		if (!strcmp(end, unit[i].name) && v * (double)unit[i].ns < 4e15) {
			*ns = (uint64_t)(v * (double)unit[i].ns + 0.5);
			return 0;
		}
	return -EINVAL;
}

/* As sched_parse_time() reads it. */
static const char *time_text(uint64_t ns, char *buf, size_t n)
{
	if (!ns)
		snprintf(buf, n, "0");
	else if (ns % 1000000 == 0)
		snprintf(buf, n, "%" PRIu64 "ms", ns / 1000000);
	else if (ns % 1000 == 0)
		snprintf(buf, n, "%" PRIu64 "us", ns / 1000);
	else
		snprintf(buf, n, "%" PRIu64 "ns", ns);
	return buf;
}

static int parse_value(const struct sched_policy_param *p, const char *text, uint64_t *out)
{
	char *end;

	if (p->is_time)
		return sched_parse_time(text, out);
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end || errno ? -EINVAL : 0;
}

/* One "name=value" of the policy's table. */
static int parse_param(struct sched_choice *c, char *text, char *msg, size_t n)
{
	const struct sched_policy_param *p = c->policy->params;
	char *value = strchr(text, '=');
	uint64_t v;

	if (!value) {
		snprintf(msg, n, "policy %s: '%s' is not param=value", c->policy->name, text);
		return -EINVAL;
	}
	*value++ = '\0';
	for (unsigned int i = 0; p && p[i].name; i++) {
		if (strcmp(p[i].name, text))
			continue;
		if (parse_value(&p[i], value, &v) || v < p[i].min || v > p[i].max) {
			snprintf(msg, n,
				 "policy %s: %s=%s is not a %s from %" PRIu64 " to %" PRIu64 "%s",
				 c->policy->name, text, value,
				 p[i].is_time ? "time (as 500us, 30ms)" : "number", p[i].min,
				 p[i].max, p[i].is_time ? " ns" : "");
			return -EINVAL;
		}
		c->param[i] = v;
		return 0;
	}
	snprintf(msg, n, "policy %s has no parameter '%s'", c->policy->name, text);
	return -EINVAL;
}

static bool table_whole(const struct sched_policy *p)
{
	unsigned int nr = 0;

	while (p->params && p->params[nr].name)
		if (++nr > SCHED_MAX_PARAMS)
			return false;
	return p->name && p->init && p->fini && p->add && p->del && p->pick;
}

static int open_object(const char *path, struct sched_choice *c, char *msg, size_t n)
{
	const struct sched_policy *p;

	c->so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!c->so) {
		snprintf(msg, n, "policy %s", dlerror());
		return -EINVAL;
	}
	p = dlsym(c->so, "sched_policy_plugin");
	if (!p)
		snprintf(msg, n, "policy %s: does not export sched_policy_plugin", path);
	else if (p->abi != SCHED_POLICY_ABI)
		snprintf(msg, n, "policy %s: built for version %u of the policy table, this is %u",
			 path, p->abi, SCHED_POLICY_ABI);
	else if (!table_whole(p))
		snprintf(msg, n, "policy %s: its table lacks a required function", path);
	else
		c->policy = p;
	return c->policy ? 0 : -EINVAL;
}

static void unknown(const char *name, char *msg, size_t n)
{
	int at = snprintf(msg, n, "unknown scheduling policy '%s'; there are:", name);
	const struct sched_policy *p;

	for (unsigned int i = 0; (p = sched_policy_at(i)) && at > 0 && (size_t)at < n; i++)
		at += snprintf(msg + at, n - (size_t)at, " %s", p->name);
}

int sched_choice_open(const char *spec, struct sched_choice *out, char *msg, size_t n)
{
	struct sched_choice c = { 0 };
	char buf[SPEC_MAX], *params, *save;
	int r = 0;

	if (strlen(spec) >= sizeof(buf)) {
		snprintf(msg, n, "the policy's name is too long");
		return -EINVAL;
	}
	strcpy(buf, spec);
	params = strchr(buf, ':');
	if (params)
		*params++ = '\0';
	if (strchr(buf, '/'))
		r = open_object(buf, &c, msg, n);
	else
		c.policy = sched_policy_find(buf);
	if (!c.policy) {
		if (!r)
			unknown(buf, msg, n);
		sched_choice_close(&c);
		return -EINVAL;
	}
	for (unsigned int i = 0; c.policy->params && c.policy->params[i].name; i++)
		c.param[i] = c.policy->params[i].def;
	for (char *t = params ? strtok_r(params, ",", &save) : NULL; t && !r;
	     t = strtok_r(NULL, ",", &save))
		r = parse_param(&c, t, msg, n);
	if (r < 0) {
		sched_choice_close(&c);
		return r;
	}
	*out = c;
	return 0;
}

void sched_choice_close(struct sched_choice *c)
{
	if (c->so)
		dlclose(c->so);
	*c = (struct sched_choice){ 0 };
}

void sched_print_params(const struct sched *s, char *buf, size_t n)
{
	const struct sched_policy_param *p = s->policy->params;
	size_t at = 0;

	*buf = '\0';
	for (unsigned int i = 0; p && p[i].name && at < n; i++) {
		char value[32];

		if (p[i].is_time)
			time_text(s->param[i], value, sizeof(value));
		else
			snprintf(value, sizeof(value), "%" PRIu64, s->param[i]);
		at += (size_t)snprintf(buf + at, n - at, "%s%s=%s", i ? "," : "", p[i].name, value);
	}
}
