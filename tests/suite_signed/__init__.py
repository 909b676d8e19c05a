"""The suites on revision 1.0.0-rc.2-signed."""
