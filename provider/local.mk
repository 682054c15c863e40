# SPDX-License-Identifier: Apache-2.0
# devid.so, the OpenSSL 3 provider: a convenience library with everything, and the shipped module around it.
noinst_LTLIBRARIES += provider/libcore.la
provider_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
provider_libcore_la_SOURCES = \
	provider/algorithms.c provider/algorithms.h \
	provider/allowed.c provider/allowed.h \
	provider/asymcipher.h provider/asymcipher_rsa.c \
	provider/attempt.c provider/attempt.h \
	provider/config.c provider/config.h \
	provider/core.c provider/core.h \
	provider/decoder.c provider/decoder.h \
	provider/decoder_tss2.c \
	provider/decoder_uri.c \
	provider/digest.c provider/digest.h \
	provider/encoder.c provider/encoder.h \
	provider/encoder_spki.c \
	provider/encoder_text.c \
	provider/encoder_tss2.c \
	provider/encoder_uri.c \
	provider/error.c provider/error.h \
	provider/filter.c provider/filter.h \
	provider/generate.c provider/generate.h \
	provider/guard.c provider/guard.h \
	provider/handle.c provider/handle.h \
	provider/key.c provider/key.h \
	provider/keyexch.c provider/keyexch.h \
	provider/keygen.c \
	provider/keymgmt.c provider/keymgmt.h \
	provider/keymgmt_ec.c \
	provider/keymgmt_ecx.c \
	provider/keymgmt_hmac.c \
	provider/keymgmt_rsa.c \
	provider/locate.c provider/locate.h \
	provider/login.c \
	provider/module.c provider/module.h \
	provider/object.c provider/object.h \
	provider/operation.c provider/operation.h \
	provider/option.c provider/option.h \
	provider/params.h \
	provider/pem.c provider/pem.h \
	provider/pin.c provider/pin.h \
	provider/pinsource.c provider/pinsource.h \
	provider/provider.c provider/provider.h \
	provider/pss.c provider/pss.h \
	provider/public.c provider/public.h \
	provider/rand.c provider/rand.h \
	provider/request.c provider/request.h \
	provider/search.c provider/search.h \
	provider/section.c provider/section.h \
	provider/session.c provider/session.h \
	provider/signature.c provider/signature.h \
	provider/signature_ecdsa.c \
	provider/signature_eddsa.c \
	provider/signature_hmac.c \
	provider/signature_rsa.c \
	provider/store.c provider/store.h \
	provider/terminal.c provider/terminal.h \
	provider/store_tpm.c \
	provider/tls.c provider/tls.h \
	provider/token.c provider/token.h \
	provider/unpad.c provider/unpad.h \
	provider/tokens.c provider/tokens.h \
	provider/tss2.c provider/tss2.h \
	provider/tss2load.c \
	provider/uri.c provider/uri.h \
	provider/use.c provider/use.h
provider_libcore_la_LIBADD = common/libcommon.la $(CRYPTO_LIBS) $(P11KIT_LIBS) -ldl -lpthread

providerdir = $(osslmodulesdir)
provider_LTLIBRARIES = provider/devid.la
provider_devid_la_SOURCES = provider/entry.c
provider_devid_la_CPPFLAGS = $(provider_libcore_la_CPPFLAGS)
provider_devid_la_LDFLAGS = $(module_link_flags) -Wl,--version-script=$(srcdir)/provider/provider.map
provider_devid_la_LIBADD = provider/libcore.la
provider_devid_la_DEPENDENCIES = provider/libcore.la provider/provider.map
EXTRA_DIST += provider/provider.map
