@device
Feature: Recovery
  Whatever is interrupted is taken up again, and ends on the newest desired state.

  @req:DS-031 @req:DS-075 @req:DS-068 @req:DS-072 @behaviour:RB-01 @needs:reboot
  Scenario: A device that reboots goes on where it was
    Given the device runs "primary" release 1
    When the device reboots
    Then it says at once which desired state it had
    And it runs "primary" on as before

  @req:DS-069 @req:DS-031 @behaviour:RB-04 @needs:reboot
  Scenario: An older state is refused after a reboot as it was before
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    When the device reboots
    And the WFM offers other content under a version that is 1 older
    Then it refuses what is not newer, as it did before

  @req:DT-001 @req:DS-072 @behaviour:RB-02 @needs:reboot @needs:network
  Scenario: A device that reboots while nobody answers finds back
    Given the device runs "primary" release 1
    When the network is cut
    And the device reboots while nobody answers
    And the network is restored
    Then what it ran while nobody answered is as its supplier declares
    And the device asks for its desired state again
    And "primary" runs on the device again

  @req:DS-075 @req:DS-072 @behaviour:RB-03 @needs:power-cut
  Scenario Outline: Power that is lost in the middle of an update leaves nothing half done
    Given the device runs 2 applications
    When the power is cut when <moment> of "primary" release 2
    Then the device finishes the update of "primary"
    And it runs "secondary" on as before

    Examples:
      | moment                              |
      | it took up the new state            |
      | it fetched what the new state names |
      | a component is being installed      |
      | it stored the new state             |
      | it sent a report                    |

  @req:DT-001 @req:DS-072 @behaviour:RB-05 @needs:network
  Scenario: What changed while the device was away is caught up with
    Given the device runs "primary" release 1
    When the network is cut
    And the WFM publishes releases 2 to 4 of "primary" in quick succession
    And the network is restored
    Then the device reaches "primary" release 4 by itself

  @req:DT-001 @req:DS-072 @behaviour:RB-07
  Scenario: Workloads run on while the WFM is away for a moment
    Given the device runs "primary" release 1
    When the WFM goes away
    And the WFM comes back
    Then "primary" still runs on the device
    And the device asks for its desired state again

  @req:ST-001 @behaviour:RB-06
  Scenario: Reports that had to wait come in order
    Given the device runs "primary" release 1
    When reports of "primary" cannot be taken while it is being updated to release 2
    Then what the device says of "primary" comes in order

  @req:DT-005 @behaviour:RB-11 @needs:configure
  Scenario: The user says how often the device asks
    Given a device that is managed by the WFM
    When the user sets the device to ask every 0.15 seconds
    Then the device keeps the distance that was set

  @req:DT-004 @behaviour:RB-11 @needs:configure
  Scenario: The user says when the device asks
    Given a device that is managed by the WFM
    When the user allows the device to ask only 0.5 seconds from now
    Then the device keeps the hours that were set

  @req:DT-002 @req:DT-003 @behaviour:RB-10 @needs:configure @needs:network
  Scenario: A downtime that the user announced is kept
    Given the device runs "primary" release 1
    When the user sets a downtime of 0.8 seconds and the network is cut meanwhile
    Then the device keeps quiet until the downtime is over
    And "primary" runs on the device again
