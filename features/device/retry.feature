@device
Feature: Trying again
  A WFM that cannot answer says when to come again, and the device keeps to it.

  @req:RTY-006 @req:RTY-007 @behaviour:RB-08
  Scenario Outline: An overloaded WFM is given the time that it asks for
    Given the device runs "primary" release 1
    When the WFM is overloaded when the device <occasion> and asks for 1 second of patience
    Then the device does not ask again before that time

    Examples:
      | occasion                   |
      | asks for its desired state |
      | reports a status           |
      | fetches what it is to run  |

  @req:RTY-006 @req:RTY-007 @needs:configure
  Scenario: An overloaded WFM is not pressed with capabilities either
    Given a device that is managed by the WFM
    When the WFM is overloaded when the device reports its capabilities and asks for 1 second of patience
    Then the device does not ask again before that time

  @req:RTY-006 @req:RTY-007
  Scenario: A device that asks too often gives the WFM the time that it asks for
    Given a device that is managed by the WFM
    When the WFM says that the device asks too often and asks for 1 second of patience
    Then the device does not ask again before that time

  @req:ERR-015
  Scenario: Of two waiting times the one that comes with the answer counts, not the one in its explanation
    Given a device that is managed by the WFM
    When the WFM asks for 1 second of patience with its answer and for none in the explanation
    Then the device waits as long as the answer asks

  @req:RTY-009 @req:ERR-016
  Scenario: A WFM that goes on failing is not asked more and more often
    Given a device that is managed by the WFM
    When the WFM fails 2 times and asks for growing patience
    Then the device waits at least as long each time

  @req:RTY-008 @req:ERR-003 @req:ERR-009 @req:ERR-013 @req:PT-002
  Scenario: A report that was refused for good is not sent again, one that could not be taken is
    Given the device runs "primary" release 1
    When the WFM refuses a report of "primary" for good, in words that sound as if it did not
    Then the device does not send that report again
    When the WFM cannot take a report of "primary" just then
    Then the device sends that report again

  @req:ERR-003 @req:ERR-010 @req:PT-002 @req:PT-011
  Scenario: A problem that nobody knows does not stop the device
    Given the device runs "primary" release 1
    When the WFM answers with a problem that nobody knows
    Then the device goes on
    And the device leaves "primary" alone

  @req:DS-039 @req:RTY-008
  Scenario: A device whose relationship ended keeps what it runs and does not press
    Given the device runs "primary" release 1
    When the WFM ends the relationship with the device
    Then the device does not ask more often than before
    And the device leaves "primary" alone
    When the WFM takes the relationship up again
    And the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
