# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += common/libcommon.la
common_libcommon_la_SOURCES = \
	common/buffer.c common/buffer.h \
	common/bytes.c common/bytes.h \
	common/file.c common/file.h \
	common/log.c common/log.h \
	common/presentable.c common/presentable.h \
	common/rvname.c common/rvname.h \
	common/settings.c common/settings.h
