@wfm @until:1.0.0-rc.2-signed
Feature: A request counts only with its client's signature
  Clients sign what they send. The WFM believes a request whose signature is whole, fresh and of the client's own key,
  and does nothing for any other.

  @req:SIG-010
  Scenario Outline: A request that lacks a part of its signature is refused: <flaw>
    Given client A has reported device "press-1"
    When client A reports device "press-2", signed with <flaw>
    And client A reports device "press-2"
    Then the WFM has refused the request with the wrong signature only

    Examples:
      | flaw                            |
      | no signature                    |
      | nothing that says what it signs |
      | neither of the two              |
      | no digest                       |

  @req:SIG-011
  Scenario Outline: A signature is no good for anything but what was signed: <flaw>
    Given client A has reported device "press-1"
    When client A reports device "press-2", signed with <flaw>
    And client A reports device "press-2"
    Then the WFM has refused the request with the wrong signature only

    Examples:
      | flaw                             |
      | another body underneath          |
      | the digest of another body       |
      | another body and its digest      |
      | the address of another device    |
      | another method                   |
      | the method left out              |
      | the address left out             |
      | the digest left out              |

  @req:SIG-012 @req:SIG-014
  Scenario Outline: A signature of another key is refused: <flaw>
    Given client A has reported device "press-1"
    When client A reports device "press-2", signed with <flaw>
    And client A reports device "press-2"
    Then the WFM has refused the request with the wrong signature only

    Examples:
      | flaw                  |
      | the key of a stranger |
      | a row of zeros        |
      | one bit turned over   |

  @req:SIG-006 @req:SIG-007
  Scenario: An old signature is refused
    Given client A has reported device "press-1"
    When client A reports device "press-2", signed with a time of two hours ago
    And client A reports device "press-2"
    Then the WFM has refused the request with the wrong signature only

  @req:SIG-006 @req:SIG-008
  Scenario: A signature of the future is refused
    Given client A has reported device "press-1"
    When client A reports device "press-2", signed with a time in two hours
    And client A reports device "press-2"
    Then the WFM has refused the request with the wrong signature only

  @req:SIG-009
  Scenario: A client's signature is no good on the routes of another
    Given client A has asked for its manifest
    And client B has asked for its manifest
    When client A asks for the manifest of client B with its own signature
    And client A asks for its manifest
    And client B asks for its manifest
    Then the WFM has refused the request with the wrong signature only

  @req:DC-040
  Scenario: A client that never was is not known
    Given client A has reported device "press-1"
    When client A reports device "press-2" on the routes of a client that never was
    And client A reports device "press-2"
    Then the WFM has refused the request of the unknown client only

  @req:SIG-013 @req:API-014 @req:API-016
  Scenario Outline: Each of the four algorithms is understood: <algorithm>
    When client A onboards with a key for <algorithm>
    And client A reports device "press-1"
    And client A asks for its manifest
    Then the WFM has understood every word

    Examples:
      | algorithm         |
      | ecdsa-p256-sha256 |
      | ecdsa-p384-sha384 |
      | rsa-v1_5-sha256   |
      | rsa-pss-sha256    |

  @req:SIG-013
  Scenario: Any name of a key will do
    Given client A has reported device "press-1"
    When client A reports device "press-1", under another name of its key
    Then the WFM has served every request that was signed well

  @req:SIG-013
  Scenario: Names of components in capital letters are told apart from a wrong signature
    Given client A has reported device "press-1"
    When client A reports device "press-2", with names of components in capital letters
    And client A reports device "press-3"
    Then what the WFM makes of capital letters is noted
    And the WFM has served every request that was signed well

  @req:SIG-006 @req:SIG-013
  Scenario: What becomes of a request that is sent twice is noted
    Given client A has reported device "press-1"
    When client A sends the very same report of device "press-1" twice
    And client A reports device "press-1", signed with a time of two hours ago
    And client A reports device "press-1"
    Then what the WFM makes of the second one is noted
    And the WFM has served every request that was signed well
    And the WFM has refused the request with the wrong signature only
