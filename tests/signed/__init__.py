"""Tests of revision 1.0.0-rc.2-signed: the reference WFM and the reference device, over real TLS."""
