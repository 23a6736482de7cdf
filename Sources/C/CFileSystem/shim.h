#ifndef SETPOINT_CFILESYSTEM_H
#define SETPOINT_CFILESYSTEM_H

/* statfs(2), which tells what kind of file system a file lies in; Swift's Glibc module leaves it out. */

#include <sys/statfs.h>

#endif
