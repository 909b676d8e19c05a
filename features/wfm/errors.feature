@wfm
Feature: What cannot be done is said clearly
  Every error is a document that says what went wrong, of which kind it is and whether trying again makes sense.

  @needs:northbound @req:DS-034 @req:ERR-001 @req:ERR-002 @req:ERR-005 @req:ERR-007 @req:PT-001
  Scenario Outline: Content that does not exist is not found: <content>
    Given client A has been given the primary application
    When client A fetches everything its manifest names
    And client A looks for <content>
    And client A fetches everything its manifest names
    Then the WFM has refused only what does not exist

    Examples:
      | content                                          |
      | a deployment with a digest that never was        |
      | a deployment that never was                      |
      | a bundle with a digest that never was            |
      | a deployment by the digest of its bundle         |
      | a bundle by the digest of its deployment         |

  @req:DS-033 @req:DS-048
  Scenario Outline: What is no digest names no content: <digest>
    Given client A has asked for its manifest
    When client A asks for a bundle by <digest>
    And client A asks for its manifest
    Then the WFM has given nothing for it

    Examples:
      | digest                      |
      | a digest in capital letters |
      | a digest that is too short  |
      | a digest without algorithm  |
      | a digest of another kind    |
      | an empty digest             |

  @req:ERR-001 @req:ERR-002 @req:ERR-005 @req:PT-012 @req:PRB-02
  Scenario Outline: A request that is not of the interface is answered with a plain problem: <request>
    Given client A has asked for its manifest
    When client A looks for <request>
    And client A asks for its manifest
    Then the WFM has said that there is no such thing

    Examples:
      | request                               |
      | a page that never was                 |
      | the manifest of a version to come     |
      | the deletion of the manifest          |
      | a device by its id                    |

  @req:DC-040 @req:ERR-007
  Scenario: Withdrawing a device that never was is told as such
    Given client A has reported device "press-1"
    And client A has reported device "press-2"
    When client A withdraws device "press-2"
    And client A withdraws device "press-9"
    And client A withdraws device "press-1"
    Then the WFM tells new devices from those it knows
    And the WFM has refused only the device that never was

  @req:ERR-005 @req:ERR-006 @req:PT-002 @req:RTY-005 @req:ERR-012 @req:PT-013
  Scenario: Problems of every kind tell the same story in all their parts
    Given client A has reported device "press-1"
    When client A makes one mistake of every kind
    Then every problem is consistent in itself

  @req:ERR-017 @req:PRB-05
  Scenario: A report with several mistakes is told which fields are wrong
    Given client A has reported device "press-1"
    When client A reports device "press-2" with no vendor
    And client A reports device "press-2"
    Then the fields that are wrong have been named
