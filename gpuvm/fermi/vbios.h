/* SPDX-License-Identifier: MIT */
/*
 * The smallest video BIOS that stock nouveau accepts: a PCI ROM header, a BIT
 * with the tables 'i' (version) and 'I' (no init scripts), and an empty DCB.
 * No clock, memory, performance or connector tables: a headless card that is
 * already POSTed needs none.
 * Sources: nvkm/subdev/bios/{image,pcir,npde,bit,dcb,base}.c of Linux nouveau.
 */
#ifndef GPUVM_FERMI_VBIOS_H
#define GPUVM_FERMI_VBIOS_H

#include <stdint.h>

/* nouveau reads at least 4 KiB before it looks at anything. */
#define VBIOS_LEN 4096

struct vbios_id {
	uint16_t pci_vendor, pci_device;
	uint8_t version[5]; /* major, chip, minor, micro, patch, as a driver prints them */
};

/* Fills the whole image, a pure function of id.  Its bytes sum to 0. */
void vbios_build(uint8_t image[VBIOS_LEN], const struct vbios_id *id);

#endif
