"""TLS settings for the works: a certificate of a moment, and clients that believe everything."""

import ssl

import trustme


def server_context() -> ssl.SSLContext:
    """Make a context that serves `localhost`, with OpenSSL's defaults."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    """Make a context that verifies nothing: the part of the clients is not measured."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
