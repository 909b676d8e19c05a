"""Every scenario of the wfm suite, bound to the steps."""

from pytest_bdd import scenarios

from conformance.bench.scenarios import features_folder

scenarios(str(features_folder() / "wfm"))
