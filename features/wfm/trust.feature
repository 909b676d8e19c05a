@wfm @since:1.0.0-rc.3
Feature: The WFM keeps its trust up to date
  Whom the WFM believes is told by a trust bundle that it fetches again and again from the identity service, and only
  from there. A sound new bundle replaces the old one whole; whatever else comes changes nothing.

  @feature:trust-retrieval @needs:identity-service @req:ID-84 @req:ID-85 @req:ID-92
  Scenario: A new root replaces the old one
    Given the WFM takes its trust from the identity service
    When the identity service offers another root
    Then clients of the new root are let in, and those of the old one no longer
    And the service was asked again and again, for JSON

  @feature:trust-retrieval @needs:identity-service @req:ID-76
  Scenario: What nobody knows in the documents of the service is ignored
    Given the WFM takes its trust from the identity service
    When the identity service offers another root among things nobody knows
    Then clients of the new root are let in, and those of the old one no longer

  @feature:trust-retrieval @needs:identity-service @req:ID-83
  Scenario Outline: Trust stays as it is when the service offers <offer>
    Given the WFM takes its trust from the identity service
    When the identity service offers <offer>
    Then clients of the old root are let in, and others not

    Examples:
      | offer          |
      | nothing at all |
      | a web page     |
      | half a bundle  |

  @feature:trust-retrieval @needs:identity-service @req:ID-81 @req:ID-82 @req:ID-83
  Scenario Outline: A bundle without a usable root is refused: <offer>
    Given the WFM takes its trust from the identity service
    When the identity service offers <offer>
    Then clients of the old root are let in, and others not

    Examples:
      | offer                              |
      | a bundle without any root          |
      | a root meant for something else    |

  @feature:trust-retrieval @needs:identity-service @req:ID-82
  Scenario: Without any trust bundle nobody is let in
    Given the WFM is to take its trust from an identity service that offers a bundle without any root
    Then nobody is let in
    When the identity service offers the old root
    Then clients of the old root are let in, and others not

  @feature:trust-retrieval @needs:identity-service @req:ID-87 @req:ID-89
  Scenario Outline: A service that cannot prove itself is not believed: <offer>
    Given the WFM takes its trust from the identity service
    When the identity service offers <offer>
    Then clients of the old root are let in, and others not

    Examples:
      | offer                                            |
      | another root, with a certificate nobody vouches for |
      | another root, under the name of somebody else    |

  @feature:trust-retrieval @needs:identity-service @req:ID-90
  Scenario: The trust bundle does not vouch for the service it comes from
    Given the WFM takes its trust from the identity service
    When the identity service offers another root, with a certificate of the trust domain
    Then clients of the old root are let in, and others not

  @feature:trust-retrieval @needs:identity-service @req:ID-78
  Scenario: A bundle is not fetched without encryption
    Given the WFM takes its trust from the identity service
    When the identity service offers another root, at an address without encryption
    Then clients of the old root are let in, and others not

  @feature:trust-retrieval @needs:identity-service @req:ID-79
  Scenario: A bundle at another place needs a proof of that place
    Given the WFM takes its trust from the identity service
    When the identity service offers another root, at a place nobody vouches for
    Then clients of the old root are let in, and others not
