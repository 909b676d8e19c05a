import pytest
from cryptography import x509

from simulator.identity.authority import Authority
from simulator.identity.bad_credentials import BAD_CREDENTIALS, SEATS, bad_credentials
from simulator.identity.errors import SvidRefused
from simulator.identity.spiffe import client_spiffe_id, recognise_client, recognise_wfm
from simulator.identity.svid_rules import check_chain_keys, check_leaf
from tests.identity.seats import CLIENT, DOMAIN, WFM

CHAIN_CLAUSES = {"ID-20", "ID-25", "ID-26", "ID-34"}  # left to chain validation, which the TLS tests cover


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new(DOMAIN)


@pytest.mark.parametrize("name", BAD_CREDENTIALS)
def test_the_rules_alone_refuse_each_with_its_own_clause(authority: Authority, name: str) -> None:
    bad = BAD_CREDENTIALS[name]
    credential = bad.make(authority, CLIENT if bad.seat == "client" else WFM)
    chain = x509.load_pem_x509_certificates(credential.chain_pem)

    def verify() -> None:
        spiffe_id = check_leaf(chain[0], DOMAIN)
        check_chain_keys(chain[1:])
        if bad.seat == "client":
            recognise_client(spiffe_id, DOMAIN, "wfm-a")
        else:
            recognise_wfm(spiffe_id, CLIENT)

    if bad.clause in CHAIN_CLAUSES:
        verify()
    else:
        with pytest.raises(SvidRefused) as refused:
            verify()
        assert refused.value.clause == bad.clause


def test_every_clause_has_a_bad_credential_in_both_seats() -> None:
    common = {"ID-07", "ID-14", "ID-20", "ID-22", "ID-24", "ID-25", "ID-26", "ID-27", "ID-34"}
    assert {bad.clause for bad in bad_credentials("client")} == common | {"ID-50", "ID-51"}
    assert {bad.clause for bad in bad_credentials("wfm")} == common | {"ID-52"}


def test_each_is_described_as_data() -> None:
    for name, bad in BAD_CREDENTIALS.items():
        assert name == bad.name == f"{bad.seat}-{bad.defect}"
        assert bad.seat in SEATS
        assert bad.description
    described = [(bad.seat, bad.description) for bad in BAD_CREDENTIALS.values()]
    assert len(set(described)) == len(described)


def test_a_wfm_id_without_letters_has_no_other_case(authority: Authority) -> None:
    with pytest.raises(ValueError, match="no letter"):
        BAD_CREDENTIALS["client-case-changed-wfm-id"].make(authority, client_spiffe_id(DOMAIN, "42", "c"))
