@device
Feature: Status
  What the device reports of a deployment is what happens to it, component by component.

  @req:DS-002 @req:DS-074 @req:ST-008 @req:ST-009 @req:ST-011 @req:ST-012 @req:ST-014 @req:ST-015 @req:ST-024
  @behaviour:PF-01 @behaviour:RS-04 @needs:fault
  Scenario Outline: A component that cannot be installed is reported, and only that one
    Given a device that is managed by the WFM
    When the last component of "multipart" <trouble>
    And the WFM publishes "multipart" release 1
    Then the device reports "multipart" failed, and why
    And only the component that failed is reported failed of "multipart"
    And the failure of "multipart" names the version it came with
    When the last component of "multipart" is fine
    And the WFM publishes "multipart" release 2
    Then the device installs "multipart" and reports it

    Examples:
      | trouble           |
      | fails             |
      | cannot be fetched |
      | is unhealthy      |

  @req:CMP-15 @req:DS-002 @behaviour:RS-04 @feature:compose @needs:fault
  Scenario: A project with a container that exits when it starts has failed
    Given a device that is managed by the WFM
    When the last project of "archive" exits when it starts
    And the WFM publishes "archive" release 1 as a compose deployment
    Then the device reports "archive" failed, and why
    When the last project of "archive" stays up
    And the WFM publishes "archive" release 2 as a compose deployment
    Then the device deploys the archive of "archive"

  @req:DS-072 @req:DS-002 @behaviour:PF-03 @needs:fault
  Scenario: One deployment that fails does not hold up the others
    Given a device that is managed by the WFM
    When the last component of "secondary" fails
    And the WFM publishes 3 applications
    Then the device reports "secondary" failed, and why
    And the device installs "primary" and reports it
    And the device installs "tertiary" and reports it

  @req:APP-02 @req:AD-020 @req:CMP-14 @req:ST-001 @req:ST-021 @behaviour:PF-06 @needs:fault
  Scenario: Components come one after the other, and nothing is called installed too early
    Given a device that is managed by the WFM
    When the first component of "multipart" is slow
    And the WFM publishes "multipart" release 1
    Then the device installs "multipart" and reports it
    And it reports the progress of "multipart"
    And the components of "multipart" are begun one after the other
    And "multipart" is not called installed before it is ready

  @req:CMP-14 @req:ST-021 @req:ST-001 @behaviour:RS-04 @needs:fault
  Scenario: Nothing is called installed before it is ready
    Given a device that is managed by the WFM
    When the last component of "primary" is slow
    And the WFM publishes "primary" release 1
    Then the device installs "primary" and reports it
    And "primary" is not called installed before it is ready
    And it reports the progress of "primary"

  @req:AD-021 @req:APP-03 @behaviour:PF-06 @needs:fault
  Scenario: An installation that never ends fails when its time is over
    Given a device that is managed by the WFM
    When the first component of "primary" is never ready
    And the WFM publishes "primary" release 1 with a timeout of 1 second
    Then the device gives up on "primary" when its time is over
    When the first component of "primary" is fine
    And the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

  @req:ST-021 @behaviour:PF-07 @needs:fault
  Scenario: After a failed update the device says which release it holds
    Given the device runs "multipart" release 1
    When the last component of "multipart" fails
    And the WFM publishes "multipart" release 2
    Then the device reports "multipart" failed, and why
    And the device says which release of "multipart" it holds

  @req:DS-073 @behaviour:PF-08 @needs:fault
  Scenario: A removal that fails is not called a removal
    Given the device runs "primary" release 1
    When the last component of "primary" fails to go
    And the WFM withdraws "primary"
    Then "primary" is not called removed before it is gone

  @req:DEP-05
  Scenario: A version with a build label is understood
    Given a device that is managed by the WFM
    When the WFM publishes "primary" in a version with a build label
    Then the device understands the version of "primary"
    And what runs of "primary" is what was published

  @req:ST-021 @req:ST-022 @needs:fault
  Scenario: A newer state that cannot be used does not move the version that is reported
    Given the device runs "primary" release 1
    When the first component of "primary" is slow
    And the WFM publishes "primary" release 2
    And the WFM goes on offering "primary" release 3 with one byte added
    Then the version of the damaged state is not claimed for "primary"
