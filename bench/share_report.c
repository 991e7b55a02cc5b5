// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "bench/share.h"

static json_int_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static json_int_t trapped(const json_t *metrics, const char *bar)
{
	const json_t *t = json_object_get(json_object_get(metrics, "traps"), bar);

	return num(t, "reads") + num(t, "writes");
}

static json_int_t gpu_ns(const json_t *metrics)
{
	const json_t *g = json_object_get(metrics, "gpu_ns");

	return num(g, "gr") + num(g, "ce0") + num(g, "ce1");
}

/* Time for a byte against native: guests move different files. */
static double ratio_native(const struct share_report *r, unsigned int i)
{
	const json_t *base = r->row[r->row[i].base].result;
	double native = share_seconds(base), own = share_seconds(r->row[i].result);
	double native_bytes = (double)num(base, "bytes");
	double bytes = (double)num(r->row[i].result, "bytes");

	return native > 0 && bytes > 0 ? own / bytes / (native / native_bytes) : 0;
}

/* Of the engines' time that the guests that ran together used. */
static double share_of(const struct share_report *r, unsigned int i)
{
	json_int_t all = 0;

	if (r->row[i].alone)
		return r->row[i].metrics ? 1 : 0;
	for (unsigned int k = 0; k < r->nr; k++)
		all += r->row[k].alone ? 0 : gpu_ns(r->row[k].metrics);
	return all ? (double)gpu_ns(r->row[i].metrics) / (double)all : 0;
}

static json_t *row_json(const struct share_report *r, unsigned int i)
{
	const struct share_row *w = &r->row[i];
	const json_t *s = json_object_get(w->metrics, "shadow");

	return json_pack("{s:s, s:s, s:s, s:b, s:I, s:f, s:f, s:f, s:f, s:{s:I, s:I, s:I}, s:I, s:I, s:I, "
			 "s:I, s:I, s:I, s:f}",
			 "name", w->name, "mode", w->mode, "work", w->work, "verified", w->verified, "bytes",
			 num(w->result, "bytes"), "seconds", share_seconds(w->result), "init_seconds",
			 json_number_value(json_object_get(w->result, "init_seconds")),
			 "close_seconds",
			 json_number_value(json_object_get(w->result, "close_seconds")),
			 "ratio_native", ratio_native(r, i), "traps", "bar0",
			 trapped(w->metrics, "bar0"), "bar1", trapped(w->metrics, "bar1"), "bar3",
			 trapped(w->metrics, "bar3"), "flushes", num(s, "flushes"), "shadowings",
			 num(s, "shadowings"), "ptes_scanned", num(s, "ptes_scanned"),
			 "ptes_changed", num(s, "ptes_changed"), "submissions",
			 num(w->metrics, "submissions"), "irqs", num(w->metrics, "irqs"),
			 "gpu_share", share_of(r, i));
}

static void print_row(const struct share_report *r, unsigned int i)
{
	const struct share_row *w = &r->row[i];
	const json_t *s = json_object_get(w->metrics, "shadow");

	printf("%-15s %-11s %-7s %6lld MiB %-8s %8.3f s %7.2fx %8lld %8lld %8lld %7lld %7lld %9lld %6.1f%%\n",
	       w->name, w->mode, w->work, (long long)num(w->result, "bytes") >> 20, w->verified ? "yes" : "NO",
	       share_seconds(w->result), ratio_native(r, i), (long long)trapped(w->metrics, "bar0"),
	       (long long)trapped(w->metrics, "bar1"), (long long)trapped(w->metrics, "bar3"),
	       (long long)num(s, "flushes"), (long long)num(s, "shadowings"),
	       (long long)num(s, "ptes_changed"), 100 * share_of(r, i));
}

int share_report(const struct share_report *r)
{
	json_t *guests = json_array(), *o;
	bool all = true;
	int err = 0;

	printf("\n%-15s %-11s %-7s %10s %-8s %10s %8s %8s %8s %8s %7s %7s %9s %7s\n", "guest", "mode", "work", "bytes",
	       "verified", "time", "native", "BAR0", "BAR1", "BAR3", "flushes", "scans", "PTEs", "GPU");
	for (unsigned int i = 0; i < r->nr; i++) {
		print_row(r, i);
		all &= r->row[i].verified;
		json_array_append_new(guests, row_json(r, i));
	}
	printf("\nevery byte and every kernel's result verified: %s; isolation audit (%u times): %s\n",
	       all ? "yes" : "NO", r->audits, r->audit_clean ? "clean" : "VIOLATED");
	o = json_pack("{s:b, s:b, s:i, s:o}", "verified", all, "audit_clean", r->audit_clean, "audits",
		      (int)r->audits, "guests", guests);
	if (r->file && (!o || json_dump_file(o, r->file, JSON_INDENT(2)))) {
		fprintf(stderr, "gpuvm-bench: cannot write %s\n", r->file);
		err = -1;
	}
	json_decref(o);
	return err;
}
