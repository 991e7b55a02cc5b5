// SPDX-License-Identifier: MIT
/* What gpuvm-copy prints: a table for people or one JSON object, on stdout; progress on stderr. */
#include <stdio.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/log.h"
#include "pv-driver/copy/copy.h"

#define PROGRESS_NS 100000000ull

static double rate(uint64_t bytes, double seconds)
{
	return seconds > 0 ? (double)bytes / 1e6 / seconds : 0;
}

bool report_verified(const struct copy_report *rep)
{
	bool ok = true;

	for (unsigned int i = 0; i < rep->nr; i++)
		ok = ok && rep->result[i].verified;
	return ok;
}

static void sum(const struct copy_report *rep, uint64_t *bytes, double *seconds)
{
	*bytes = 0;
	*seconds = 0;
	for (unsigned int i = 0; i < rep->nr; i++) {
		*bytes += rep->result[i].bytes;
		*seconds += rep->result[i].seconds;
	}
}

void report_text(const struct copy_report *rep)
{
	char name[4096];
	uint64_t bytes;
	double seconds;

	for (unsigned int i = 0; i < rep->nr; i++) {
		const struct copy_result *r = &rep->result[i];

		printf("%-4s %12llu bytes %9.1f MB/s  %-8s %s\n", copy_engine_name[r->engine],
		       (unsigned long long)r->bytes, rate(r->bytes, r->seconds),
		       r->verified ? "verified" : "DIFFERS",
		       log_clean(name, sizeof(name), r->file->name));
	}
	sum(rep, &bytes, &seconds);
	printf("all  %12llu bytes %9.1f MB/s  %s\n", (unsigned long long)bytes,
	       rate(bytes, seconds), report_verified(rep) ? "verified" : "DIFFERS");
}

/* RFC 8259: what must be escaped, and nothing else; bytes above 0x7f pass as they are. */
static void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned int)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void json_file(const struct copy_result *r)
{
	printf("{\"file\":");
	json_string(r->file->name);
	printf(",\"engine\":\"%s\",\"bytes\":%llu,\"seconds\":%.6f,\"mb_per_s\":%.1f,"
	       "\"hash\":\"%016llx\",\"verified\":%s}",
	       copy_engine_name[r->engine], (unsigned long long)r->bytes, r->seconds,
	       rate(r->bytes, r->seconds), (unsigned long long)r->hash_out,
	       r->verified ? "true" : "false");
}

void report_json(const struct copy_report *rep)
{
	uint64_t bytes;
	double seconds;

	sum(rep, &bytes, &seconds);
	printf("{\"bytes\":%llu,\"verified\":%s,\"seconds\":%.6f,\"init_seconds\":%.6f,"
	       "\"close_seconds\":%.6f,\"files\":[",
	       (unsigned long long)bytes, report_verified(rep) ? "true" : "false", seconds,
	       rep->init_seconds, rep->close_seconds);
	for (unsigned int i = 0; i < rep->nr; i++) {
		if (i)
			putchar(',');
		json_file(&rep->result[i]);
	}
	printf("]}\n");
}

void report_progress(const struct copy_result *r, void *arg)
{
	struct report_progress *p = arg;
	uint64_t now = clock_ns();
	char name[48];

	if (now - p->last_ns < PROGRESS_NS)
		return;
	p->last_ns = now;
	fprintf(stderr, "\r\033[K%s %3u%% %s", copy_engine_name[r->engine],
		p->total ? (unsigned int)(r->bytes * 100 / p->total) : 100,
		log_clean(name, sizeof(name), r->file->name));
	fflush(stderr);
}

void report_progress_end(void)
{
	fprintf(stderr, "\r\033[K");
	fflush(stderr);
}
