@wfm @until:1.0.0-rc.2-signed
Feature: Clients come with a certificate
  A client makes itself known by its certificate, proves that it has the key, and is given an id of its own.

  @req:ONB-006 @req:API-010 @req:API-011
  Scenario: Every client is given an id of its own
    When client A onboards
    And client B onboards
    And client C onboards
    Then each client has an id of its own that is fit for an address

  @req:ONB-010
  Scenario Outline: A request that brings no usable certificate is refused: <defect>
    Given client A has onboarded
    When somebody onboards with <defect>
    And client B onboards
    Then the WFM has refused the wrong onboarding only

    Examples:
      | defect                         |
      | no certificate                 |
      | an empty certificate           |
      | a certificate that is no text  |
      | something that is no Base64    |
      | Base64 of something else       |
      | half a certificate             |
      | a request of another kind      |

  @req:ONB-010
  Scenario: A certificate that has expired is refused
    Given client A has onboarded
    When somebody onboards with a certificate that has expired
    And client B onboards
    Then the WFM has refused the wrong onboarding only

  @req:ONB-010 @req:SIG-010 @req:SIG-012
  Scenario Outline: Who cannot prove to have the key is not taken in: <defect>
    Given client A has onboarded
    When somebody onboards with <defect>
    And client B onboards
    Then the WFM has refused the wrong onboarding only

    Examples:
      | defect                             |
      | a certificate and no signature     |
      | a certificate of somebody else     |

  @needs:admission @req:ONB-010 @req:ONB-011
  Scenario: The operator decides who is let in
    Given client A has onboarded
    When the operator lets in client B and not client C
    And client C tries to onboard
    And client B onboards
    Then the WFM has refused the wrong onboarding only

  @req:ONB-010
  Scenario: Both encodings of a certificate are tried
    When client A onboards with its certificate in der
    And client B onboards with its certificate in pem
    Then the WFM has read at least one of the encodings

  @req:ONB-006
  Scenario: What becomes of a client that onboards again is noted
    When client A onboards
    And client A onboards again with the same certificate
    Then what the WFM gives to a client that comes again is noted
    And each client has an id of its own that is fit for an address

  @feature:certificate-api @req:CERT-004 @req:CERT-005
  Scenario: The root certificate is given to everybody
    When somebody asks for the root certificate without a signature
    Then it is given the root certificate of the WFM
