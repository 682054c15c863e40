# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += pkcs11/libcore.la
pkcs11_libcore_la_SOURCES = \
	pkcs11/attribute.c pkcs11/attribute.h \
	pkcs11/authenticate.c \
	pkcs11/backend.c pkcs11/backend.h \
	pkcs11/cipher.c pkcs11/cipher.h \
	pkcs11/config.c pkcs11/config.h \
	pkcs11/curve.c pkcs11/curve.h \
	pkcs11/digest.c pkcs11/digest.h \
	pkcs11/decrypt.c \
	pkcs11/derive.c \
	pkcs11/device.c pkcs11/device.h \
	pkcs11/dual.c \
	pkcs11/encrypt.c \
	pkcs11/failure.c pkcs11/failure.h \
	pkcs11/find.c \
	pkcs11/frame.c pkcs11/frame.h \
	pkcs11/general.c \
	pkcs11/generate.c \
	pkcs11/handle.c pkcs11/handle.h \
	pkcs11/index.c pkcs11/index.h \
	pkcs11/inittoken.c \
	pkcs11/item.c pkcs11/object.h \
	pkcs11/import.c pkcs11/import.h \
	pkcs11/keyfile.c pkcs11/keyfile.h \
	pkcs11/keyline.c pkcs11/keyline.h \
	pkcs11/lock.c pkcs11/lock.h \
	pkcs11/login.c pkcs11/login.h \
	pkcs11/mechanism.c pkcs11/mechanism.h \
	pkcs11/message.c pkcs11/pkcs11-3.0.h \
	pkcs11/modify.c \
	pkcs11/module.c pkcs11/module.h \
	pkcs11/nested.c pkcs11/nested.h \
	pkcs11/newtoken.c \
	pkcs11/object.c \
	pkcs11/objectedit.c \
	pkcs11/objectfile.c \
	pkcs11/objectscan.c \
	pkcs11/objects.c pkcs11/objects.h \
	pkcs11/objecttext.c pkcs11/objecttext.h \
	pkcs11/operation.c pkcs11/operation.h \
	pkcs11/parameters.c pkcs11/parameters.h \
	pkcs11/publicobject.c pkcs11/publicobject.h \
	pkcs11/pin.c \
	pkcs11/pinfile.c pkcs11/pinfile.h \
	pkcs11/pair.c pkcs11/pair.h \
	pkcs11/publickey.c pkcs11/publickey.h \
	pkcs11/random.c \
	pkcs11/scheme.h \
	pkcs11/secret.c pkcs11/secret.h \
	pkcs11/secretkey.c \
	pkcs11/secretparameters.c \
	pkcs11/secrettype.c pkcs11/secrettype.h \
	pkcs11/session.c pkcs11/session.h \
	pkcs11/sign.c \
	pkcs11/slot.c \
	pkcs11/store.c pkcs11/store.h \
	pkcs11/stream.c pkcs11/stream.h \
	pkcs11/template.c pkcs11/template.h \
	pkcs11/state.c \
	pkcs11/token.c pkcs11/token.h \
	pkcs11/pinsource.c pkcs11/pinsource.h \
	pkcs11/tokensecret.c pkcs11/tokensecret.h \
	pkcs11/tokenconf.c pkcs11/tokenconf.h \
	pkcs11/unsupported.c \
	pkcs11/unwrap.c \
	pkcs11/version3.c \
	pkcs11/verify.c \
	pkcs11/wrap.c pkcs11/wrap.h \
	pkcs11/soft/digest.c pkcs11/soft/digest.h \
	pkcs11/soft/aes.c pkcs11/soft/aes.h \
	pkcs11/soft/ec.c pkcs11/soft/ec.h \
	pkcs11/file/backend.c pkcs11/file/backend.h \
	pkcs11/file/decrypt.c \
	pkcs11/file/derive.c \
	pkcs11/file/generate.c \
	pkcs11/file/import.c \
	pkcs11/file/key.h \
	pkcs11/file/key.c \
	pkcs11/file/random.c \
	pkcs11/file/seal.c pkcs11/file/seal.h \
	pkcs11/file/sign.c \
	pkcs11/file/wrap.c \
	pkcs11/file/stream.c \
	pkcs11/soft/assemble.c pkcs11/soft/assemble.h \
	pkcs11/soft/assemblersa.c pkcs11/soft/assemblersa.h \
	pkcs11/soft/der.c pkcs11/soft/der.h \
	pkcs11/soft/encrypt.c pkcs11/soft/encrypt.h \
	pkcs11/soft/generate.c \
	pkcs11/soft/hkdf.c pkcs11/soft/hkdf.h \
	pkcs11/soft/keywrap.c pkcs11/soft/keywrap.h \
	pkcs11/soft/hash.c pkcs11/soft/hash.h \
	pkcs11/soft/hmac.c pkcs11/soft/hmac.h \
	pkcs11/soft/internal.h \
	pkcs11/soft/kdf.c pkcs11/soft/kdf.h \
	pkcs11/soft/key.c pkcs11/soft/key.h \
	pkcs11/soft/libctx.c pkcs11/soft/libctx.h \
	pkcs11/soft/mask.h \
	pkcs11/soft/oaep.c pkcs11/soft/oaep.h \
	pkcs11/soft/pbes2.c pkcs11/soft/pbes2.h \
	pkcs11/soft/pem.c pkcs11/soft/pem.h \
	pkcs11/soft/public.c pkcs11/soft/public.h \
	pkcs11/soft/plain.c pkcs11/soft/plain.h \
	pkcs11/soft/pkcs8.c pkcs11/soft/pkcs8.h \
	pkcs11/soft/private.c pkcs11/soft/private.h \
	pkcs11/soft/privatedecrypt.c \
	pkcs11/soft/privatederive.c \
	pkcs11/soft/privatesign.c \
	pkcs11/soft/random.c pkcs11/soft/random.h \
	pkcs11/soft/rejection.c pkcs11/soft/rejection.h \
	pkcs11/soft/rsa.c pkcs11/soft/rsa.h \
	pkcs11/soft/sealedbox.c pkcs11/soft/sealedbox.h \
	pkcs11/soft/stream.c pkcs11/soft/stream.h \
	pkcs11/soft/tsskey.c pkcs11/soft/tsskey.h \
	pkcs11/soft/verify.c pkcs11/soft/verify.h \
	pkcs11/soft/x509.c pkcs11/soft/x509.h \
	pkcs11/tpm/athandle.c pkcs11/tpm/athandle.h \
	pkcs11/tpm/auth.c pkcs11/tpm/auth.h \
	pkcs11/tpm/authorize.c pkcs11/tpm/authorize.h \
	pkcs11/tpm/backend.c pkcs11/tpm/backend.h \
	pkcs11/tpm/bound.c pkcs11/tpm/bound.h \
	pkcs11/tpm/bus.c pkcs11/tpm/bus.h \
	pkcs11/tpm/capability.c pkcs11/tpm/capability.h \
	pkcs11/tpm/cipher.c pkcs11/tpm/cipher.h \
	pkcs11/tpm/command.c pkcs11/tpm/command.h \
	pkcs11/tpm/connection.c pkcs11/tpm/connection.h \
	pkcs11/tpm/context.c pkcs11/tpm/context.h \
	pkcs11/tpm/create.c pkcs11/tpm/create.h \
	pkcs11/tpm/credential.c pkcs11/tpm/credential.h \
	pkcs11/tpm/decrypt.c \
	pkcs11/tpm/derive.c \
	pkcs11/tpm/duplicate.c pkcs11/tpm/duplicate.h \
	pkcs11/tpm/generate.c \
	pkcs11/tpm/endorsement.c pkcs11/tpm/endorsement.h \
	pkcs11/tpm/hierarchy.c pkcs11/tpm/hierarchy.h \
	pkcs11/tpm/hmac.c pkcs11/tpm/hmac.h \
	pkcs11/tpm/import.c \
	pkcs11/tpm/keeper.c pkcs11/tpm/keeper.h \
	pkcs11/tpm/key.h \
	pkcs11/tpm/keyarea.c pkcs11/tpm/keyarea.h \
	pkcs11/tpm/loaded.c pkcs11/tpm/loaded.h \
	pkcs11/tpm/nv.c pkcs11/tpm/nv.h \
	pkcs11/tpm/ownauth.c \
	pkcs11/tpm/pcr.c pkcs11/tpm/pcr.h \
	pkcs11/tpm/policy.c pkcs11/tpm/policy.h \
	pkcs11/tpm/policystep.c pkcs11/tpm/policystep.h \
	pkcs11/tpm/primary.c pkcs11/tpm/primary.h \
	pkcs11/tpm/public.c pkcs11/tpm/public.h \
	pkcs11/tpm/random.c \
	pkcs11/tpm/rc.c pkcs11/tpm/rc.h \
	pkcs11/tpm/rsa.c pkcs11/tpm/rsa.h \
	pkcs11/tpm/relay.c pkcs11/tpm/relay.h \
	pkcs11/tpm/sealed.c pkcs11/tpm/sealed.h \
	pkcs11/tpm/seal.c pkcs11/tpm/seal.h \
	pkcs11/tpm/secret.c pkcs11/tpm/secret.h \
	pkcs11/tpm/session.c pkcs11/tpm/session.h \
	pkcs11/tpm/share.c pkcs11/tpm/share.h \
	pkcs11/tpm/sign.c \
	pkcs11/tpm/stream.c \
	pkcs11/tpm/stay.c pkcs11/tpm/stay.h \
	pkcs11/tpm/template.h
pkcs11_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) $(TSS2_CFLAGS) $(CRYPTO_CFLAGS)
pkcs11_libcore_la_LIBADD = common/libcommon.la

pkcs11moddir = $(pkcs11dir)
pkcs11mod_LTLIBRARIES = pkcs11/devid-pkcs11.la
pkcs11_devid_pkcs11_la_SOURCES = pkcs11/entry.c
pkcs11_devid_pkcs11_la_LDFLAGS = $(module_link_flags) -Wl,--version-script=$(srcdir)/pkcs11/pkcs11.map
pkcs11_devid_pkcs11_la_LIBADD = pkcs11/libcore.la $(TSS2_LIBS) $(CRYPTO_LIBS) -lpthread
pkcs11_devid_pkcs11_la_DEPENDENCIES = pkcs11/libcore.la pkcs11/pkcs11.map

p11kitmoddir = $(p11kitdir)
p11kitmod_DATA = pkcs11/devid.module
pkcs11/devid.module: $(srcdir)/pkcs11/devid.module.in Makefile
	$(AM_V_GEN)$(MKDIR_P) pkcs11 && sed 's|@pkcs11path@|$(pkcs11dir)/devid-pkcs11.so|' $(srcdir)/pkcs11/devid.module.in >$@
CLEANFILES += pkcs11/devid.module
EXTRA_DIST += pkcs11/pkcs11.map pkcs11/devid.module.in
