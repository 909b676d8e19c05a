@wfm
Feature: The whole life of a deployment
  From the first report of a device to the last status of a removed application, everything a client does is served.

  @needs:northbound @req:API-001 @req:API-003 @req:ID-31 @req:ID-12 @req:ID-20 @req:SEC-001 @req:AD-001 @req:AD-013
  @req:AD-003 @req:AD-005 @req:AD-011 @req:AD-016 @req:AD-017 @req:DS-009 @req:DS-017 @req:DS-018 @req:DS-020 @req:DS-023
  @req:DS-027 @req:DS-035 @req:DS-036 @req:DS-042 @req:DS-047 @req:DS-049 @req:DS-051
  Scenario: From the first report to the removal
    When client A reports device "press-1"
    And client A is given the primary application
    And client A fetches everything its manifest names
    And client A reports the states pending, installing, installed
    And the operator deploys the next release of the primary application
    And client A fetches everything its manifest names
    And client A reports the states installing, installed
    And the operator removes the primary application
    And client A reports the states removing, removed
    And client A withdraws device "press-1"
    Then every operation of the interface has been served

  @needs:northbound @req:DT-001 @req:DWN-01
  Scenario: A client that was away for long catches up at once
    Given client A has been given the primary application
    When client A is away while the operator makes 3 changes
    And client A fetches everything its manifest names
    Then client A has caught up at once
    And client A has been given exactly what was deployed
