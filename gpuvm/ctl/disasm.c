// SPDX-License-Identifier: MIT
/*
 * gpuvm disasm: shader code as text.
 *
 * Each 8 bytes give a line; what is no instruction is shown as .word and does not stop the rest.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/ctl/ctl.h"
#include "gpuvm/fermi/sm20.h"

struct disasm {
	const char *path;
	bool hex, json;
	uint32_t org;
	json_t *list; /* owned, with json */
	uint32_t pc;
};

static int options(int argc, char **argv, struct disasm *d)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--hex"))
			d->hex = true;
		else if (!strcmp(argv[i], "--json"))
			d->json = true;
		else if (!strcmp(argv[i], "--org") && i + 1 < argc &&
			 ctl_code_offset(argv[i + 1], &d->org))
			i++;
		else if (!strcmp(argv[i], "--org"))
			return ctl_bad("disasm: --org needs a multiple of %d", SM20_INSN_BYTES);
		else if (argv[i][0] == '-' && argv[i][1])
			return ctl_bad("disasm: %s: no such option", argv[i]);
		else if (d->path)
			return ctl_bad("disasm: %s: one file is enough", argv[i]);
		else
			d->path = argv[i];
	}
	return d->path ? 0 : ctl_bad("disasm: a file is missing; see gpuvm --help");
}

static void show(struct disasm *d, uint64_t word)
{
	struct sm20_insn in;
	bool known = !sm20_decode(word, d->pc, &in);
	char text[200], hex[24];

	sm20_disasm(&in, text, sizeof(text));
	snprintf(hex, sizeof(hex), "%016" PRIx64, word);
	if (d->json)
		json_array_append_new(d->list, json_pack("{s:I, s:s, s:b, s:s}", "offset",
							 (json_int_t)d->pc, "word", hex,
							 "known", known, "text", text));
	else
		printf("%-60s // %06x: %s%s\n", text, d->pc, hex, known ? "" : " no instruction");
	d->pc += SM20_INSN_BYTES;
}

static int show_binary(struct disasm *d, const char *buf, size_t n)
{
	uint64_t word;

	if (n % SM20_INSN_BYTES)
		return ctl_bad("%s: %zu bytes are not a whole number of instructions", d->path, n);
	for (size_t at = 0; at < n; at += SM20_INSN_BYTES) {
		word = 0;
		for (int i = SM20_INSN_BYTES; i-- > 0;)
			word = word << 8 | (uint8_t)buf[at + (size_t)i];
		show(d, word);
	}
	return 0;
}

/* One hex number of exactly `digits` digits, with or without 0x; past it and blanks in *p. */
static bool hex_take(const char **p, size_t digits, uint64_t *v)
{
	char copy[20];
	const char *s = *p + (!strncmp(*p, "0x", 2) ? 2 : 0);

	if (strspn(s, "0123456789abcdefABCDEF") != digits || isalnum((unsigned char)s[digits]))
		return false;
	memcpy(copy, s, digits);
	copy[digits] = 0;
	*v = strtoull(copy, NULL, 16);
	*p = s + digits + strspn(s + digits, " \t,");
	return true;
}

/* "[offset:] word" or "[offset:] low high", words of 16 and 8 digits; what follows is ignored. */
static bool hex_line(const char *line, uint64_t *word)
{
	const char *colon = strchr(line, ':');
	uint64_t hi, lo;

	if (colon && strspn(line, " \t0123456789abcdefABCDEFx") == (size_t)(colon - line))
		line = colon + 1;
	line += strspn(line, " \t");
	if (hex_take(&line, 16, word))
		return true;
	if (!hex_take(&line, 8, &lo) || !hex_take(&line, 8, &hi))
		return false;
	*word = hi << 32 | lo;
	return true;
}

static int show_hex(struct disasm *d, char *buf)
{
	char *line, *save = NULL;
	unsigned int words = 0;
	uint64_t word;

	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!hex_line(line, &word))
			continue;
		show(d, word);
		words++;
	}
	return words ? 0 : ctl_bad("%s: no line holds an instruction word", d->path);
}

int cmd_disasm(int argc, char **argv)
{
	struct disasm d = { .path = NULL };
	char *buf;
	size_t n;
	int code = options(argc, argv, &d), err;

	if (code)
		return code;
	err = ctl_read_file(d.path, &buf, &n);
	if (err)
		return ctl_failed("%s: %s", d.path, strerror(-err));
	d.pc = d.org;
	d.list = d.json ? json_array() : NULL;
	code = d.hex ? show_hex(&d, buf) : show_binary(&d, buf, n);
	if (d.json && !code) {
		json_dumpf(d.list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(d.list);
	mem_free(buf);
	return code;
}
