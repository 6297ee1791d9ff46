"""The bundled reference stream server, inside out: state machine, journal, service, HTTP face."""
