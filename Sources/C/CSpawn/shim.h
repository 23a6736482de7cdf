#ifndef SETPOINT_CSPAWN_H
#define SETPOINT_CSPAWN_H

/* Parts of glibc's posix_spawn(3) that its header shows only under _GNU_SOURCE, which Swift's importer does not define.
   addchdir_np is in glibc since 2.29, addclosefrom_np since 2.34. */

#include <spawn.h>

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

/* POSIX_SPAWN_SETSID, since glibc 2.26. */
static const short setpoint_POSIX_SPAWN_SETSID = 0x80;

#endif
