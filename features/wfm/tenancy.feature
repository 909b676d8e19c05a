@wfm
Feature: Clients do not meet
  What belongs to one client is neither shown to another nor changed by it, whatever the other one knows or claims.

  @needs:northbound @req:SEC-006 @req:SEC-007 @req:ID-49
  Scenario Outline: A client cannot fetch the <content> of another
    Given client A has been given the primary application
    And client B has been given the secondary application
    When client A fetches its <content>
    And client B asks for the <content> of client A
    And client A fetches its <content>
    Then the WFM has given it to client A only

    Examples:
      | content    |
      | deployment |
      | bundle     |

  @needs:northbound @req:SEC-006 @req:SEC-007 @req:ID-49
  Scenario: A client cannot report on a deployment of another
    Given client A has been given the primary application
    And client B has been given the secondary application
    And client B has reported the state installed
    When client B reports the status of the deployment of client A
    And client A reports the states installed
    Then the WFM has refused the foreign status only

  @req:SEC-006 @req:SEC-007 @req:ID-49
  Scenario: A client cannot withdraw a device of another
    Given client A has reported device "press-1"
    When client B withdraws device "press-1" of client A
    And client A reports device "press-1"
    Then device "press-1" of client A is still there

  @req:SEC-008 @req:ID-49
  Scenario: Two clients may use the same device id
    When client A reports device "press-1"
    And client B reports device "press-1"
    And client B withdraws device "press-1"
    And client A reports device "press-1"
    Then the WFM tells new devices from those it knows, client by client

  @needs:northbound @req:SEC-007 @req:ID-49
  Scenario: What one client is given does not concern another
    Given client A has been given the primary application
    And client B has asked for its manifest
    When client A is given the secondary application too
    And client B asks for its manifest
    Then nothing has changed for client B

  @needs:northbound @req:SEC-005 @req:ID-48 @req:ID-40
  Scenario Outline: Nobody becomes client A by claiming it in <claim>
    Given client A has been given the primary application
    When client B asks for its manifest, claiming to be client A in <claim>
    Then client B is given its own manifest, or none

    Examples:
      | claim                                   |
      | a forwarded certificate                 |
      | a forwarded certificate chain           |
      | a header of a common proxy              |
      | an authorization header                 |
      | a client id header                      |
      | the query of the address                |
