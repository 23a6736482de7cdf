#ifndef SETPOINT_CMALLOC_H
#define SETPOINT_CMALLOC_H

/* glibc's own part of malloc(3), which Swift's Glibc module leaves out. */

#include <malloc.h>

/* M_MMAP_THRESHOLD of mallopt(3); macros with a sign are not imported. */
static const int setpoint_M_MMAP_THRESHOLD = -3;

#endif
