// SPDX-License-Identifier: MIT
/*
 * Builds the minimal video BIOS.  Always true: the layout below has no
 * overlaps, every pointer in it is an offset into the image, and the last
 * byte makes the sum 0.
 */
#include "gpuvm/fermi/vbios.h"

#include <string.h>

#include "gpuvm/base/bits.h"

/*
 * Where things stand.  Only the ROM header's place and the pointers at 0x18 and 0x36 are fixed by
 * the format.
 */
enum {
	AT_PCIR_PTR = 0x18,
	AT_DCB_PTR = 0x36,
	AT_PCIR = 0x60,
	AT_DCB = 0x100,
	AT_BIT = 0x140,
	AT_BIT_VERSION = 0x180, /* 'i' */
	AT_BIT_INIT = 0x1a0,	/* 'I' */
	AT_CHECKSUM = VBIOS_LEN - 1,
};

enum {
	PCIR_LEN = 0x18,
	DCB_VERSION = 0x40,
	DCB_HEADER_LEN = 0x1b,
	DCB_ENTRY_LEN = 8,
	BIT_HEADER_LEN = 12,
	BIT_ENTRY_LEN = 6,
	BIT_VERSION_LEN = 15, /* the shortest that is read: the pointer at +13 ends it */
	BIT_INIT_LEN = 14,
};

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static void rom_header(uint8_t *image, const struct vbios_id *id)
{
	uint8_t *pcir = image + AT_PCIR;

	put16(image, 0xaa55);
	image[2] = VBIOS_LEN / 512;
	/* Firmware calls the entry (far) of a display card's ROM: a far return [PCI 3.0, 6.3.3.1]. */
	image[3] = 0xcb;
	put16(image + AT_PCIR_PTR, AT_PCIR);
	put16(image + AT_DCB_PTR, AT_DCB);

	memcpy(pcir, "PCIR", 4);
	put16(pcir + 0x04, id->pci_vendor);
	put16(pcir + 0x06, id->pci_device);
	put16(pcir + 0x0a, PCIR_LEN);
	pcir[0x0f] = 0x03; /* class: display */
	put16(pcir + 0x10, VBIOS_LEN / 512);
	pcir[0x14] = 0;	   /* type: x86 */
	pcir[0x15] = 0x80; /* last image */
}

static void dcb(uint8_t *image)
{
	uint8_t *d = image + AT_DCB;

	d[0] = DCB_VERSION;
	d[1] = DCB_HEADER_LEN;
	d[2] = 0; /* no outputs */
	d[3] = DCB_ENTRY_LEN;
	put32(d + 6, 0x4edcbdcb);
}

static void bit_entry(uint8_t *e, char id, uint32_t version, uint32_t len, uint32_t at)
{
	e[0] = (uint8_t)id;
	e[1] = (uint8_t)version;
	put16(e + 2, len);
	put16(e + 4, at);
}

static void bit(uint8_t *image, const struct vbios_id *id)
{
	static const uint8_t signature[5] = { 0xff, 0xb8, 'B', 'I', 'T' };
	uint8_t *b = image + AT_BIT, *i = image + AT_BIT_VERSION;
	uint8_t sum = 0;

	memcpy(b, signature, sizeof(signature));
	put16(b + 6, 0x0100);
	b[8] = BIT_HEADER_LEN;
	b[9] = BIT_ENTRY_LEN;
	b[10] = 2;
	bit_entry(b + BIT_HEADER_LEN, 'i', 2, BIT_VERSION_LEN, AT_BIT_VERSION);
	bit_entry(b + BIT_HEADER_LEN + BIT_ENTRY_LEN, 'I', 1, BIT_INIT_LEN, AT_BIT_INIT);
	for (int k = 0; k < BIT_HEADER_LEN; k++)
		sum = (uint8_t)(sum + b[k]);
	b[11] = (uint8_t)-sum;

	/* Drivers print bytes 3, 2, 1, 0, 4 in that order. */
	for (int k = 0; k < 4; k++)
		i[3 - k] = id->version[k];
	i[4] = id->version[4];
	/* 'I' stays zero: its script pointer says there is none. */
}

void vbios_build(uint8_t image[VBIOS_LEN], const struct vbios_id *id)
{
	uint8_t sum = 0;

	memset(image, 0, VBIOS_LEN);
	rom_header(image, id);
	dcb(image);
	bit(image, id);
	for (int k = 0; k < VBIOS_LEN; k++)
		sum = (uint8_t)(sum + image[k]);
	image[AT_CHECKSUM] = (uint8_t)-sum;
}
