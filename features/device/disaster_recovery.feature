@device
Feature: Disaster recovery
  A WFM may lose what it knew, come back from a backup or from another place, and a device may be replaced.

  @behaviour:DR-01 @req:DS-069
  Scenario: A WFM that lost its database and begins again is refused
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    When a WFM that lost its database begins again at version 1
    Then the device refuses the WFM that began again
    And the device refuses what is not newer
    When the WFM publishes "primary" release 3
    Then the device installs "primary" and reports it

  @behaviour:DR-01 @needs:factory-reset
  Scenario: A reset lets the device follow a WFM that began again, or does not, as the supplier declares
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    When a WFM that lost its database begins again at version 1 and the device is reset
    Then the device takes its state, or refuses it, as the supplier declares
    When the WFM publishes "primary" release 3
    Then the device installs "primary" and reports it

  @behaviour:DR-02 @req:DS-069 @req:DS-072
  Scenario Outline: A WFM that was restored from a backup of <steps> changes ago is refused until it passes what is held
    Given the device runs "primary" release 1
    When the WFM publishes releases 2 to 5 of "primary" in quick succession
    Then the device ends on the newest desired state
    When the WFM offers other content under a version that is <steps> older
    Then the device refuses what is not newer
    When the WFM publishes "primary" release 6
    Then the device installs "primary" and reports it

    Examples:
      | steps |
      | 0     |
      | 1     |
      | 3     |

  @behaviour:DR-03 @needs:factory-reset @needs:identity
  Scenario: A replacement takes over what the device ran
    Given the device runs 2 applications
    When the device is replaced by another one with a key of its own
    Then the replacement takes over "primary"
    And the replacement takes over "secondary"
    And it reports its capabilities before it asks for anything
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

  @behaviour:DR-05 @req:DT-001 @req:DS-072
  Scenario: Another instance of the WFM goes on where the first one was
    Given the device runs "primary" release 1
    When the WFM goes away
    And another instance of it comes, with a credential of its own
    Then the device goes on with the other instance
    And the device asks for its desired state again
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
